"""hiinsta, a public client of Instagram messaging, reads what the stand-in sends and writes what it must take."""

import asyncio
import json
import os
import sys
import unittest

from hiinsta import InstagramMessenger, Update, verify_signature, verify_subscription

from sandbox import APP, META_SECRET, SECRET, VERIFY_TOKEN, Callback, Sandbox, eventually

SALON, TOKEN, ANNA = "17841400000000001", "IGAA-salon", "anna.k"
SEED = {
    "apps": [{"id": APP, "name": "salon-core", "secret": META_SECRET, "instagram_secret": SECRET}],
    "accounts": [{"id": SALON, "username": "salon42", "name": "Salon 42", "app": APP, "token": TOKEN, "subscribed": True}],
    "people": [{"username": ANNA, "name": "Анна К", "phone": "+16505551234"}],
}


class InstagramJudge(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox({"instagram": SEED})
        self.addCleanup(self.sandbox.stop)
        self.items, self.changes = [], []
        callback = Callback(self.prove, self.take)
        self.addCleanup(callback.stop)
        self.sandbox.act("instagram", "set_callback", app=APP, callback={"url": callback.url, "verify_token": VERIFY_TOKEN})
        os.environ["NO_PROXY"] = "127.0.0.1"
        sys.modules["hiinsta.InstagramMessenger"].INSTAGRAM_BASE_URL = f"{self.sandbox.url}/instagram/v26.0"
        self.client = InstagramMessenger(TOKEN)

    def prove(self, query):
        challenge = verify_subscription(query, VERIFY_TOKEN)
        return (challenge, 200) if challenge else ("", 403)

    def take(self, headers, raw):
        if not verify_signature(SECRET, raw, headers["x-hub-signature-256"]):
            return "", 403
        update = Update.model_validate(json.loads(raw))
        self.items.extend(item for item, _ in update.iter_messaging())
        self.changes.extend((field, value) for _, field, value in update.iter_changes())
        return "", 200

    def person(self, action, **more):
        """Lets Anna do something; the item that follows, once it is there."""
        before = len(self.items)
        acted = self.sandbox.act("instagram", "as_person", account=SALON, person=ANNA, action={"do": action, **more})
        eventually(f"{action} as {acted}", lambda: len(self.items) >= before + len(acted["events"]))
        return self.items[-1]

    def test_everything_that_arrives_is_read(self):
        first = self.person("text", text="Сколько стоит? 👍")
        mid = first.message.mid
        self.assertEqual((first.event_type, first.message.text, first.recipient.id), ("message", "Сколько стоит? 👍", SALON))
        self.assertEqual(self.person("text", text="ok", reply_to=mid).message.reply_to.mid, mid)
        self.assertTrue(self.person("attachment", kind="image").message.attachments[0].media_url.startswith("https://"))
        self.assertEqual(self.person("attachment", kind="audio").message.attachments[0].type, "audio")
        self.assertEqual(self.person("story_reply", text="wow").message.reply_to.story.id, "17900000000000001")
        self.assertTrue(self.person("story_mention").message.attachments[0].is_story_mention)
        self.assertEqual(self.person("ephemeral").message.attachments[0].type, "ephemeral")
        self.assertTrue(self.person("unsupported").message.is_unsupported)
        self.assertEqual(self.person("refer", payload="s_17").referral.ref, "s_17")
        self.assertEqual(self.person("react", message=mid, emoji="❤️").reaction.emoji, "❤️")
        self.assertEqual(self.person("react", message=mid).reaction.action, "unreact")
        self.assertEqual(self.person("edit", message=mid, text="Сколько?").message_edit.text, "Сколько?")
        self.assertTrue(self.person("delete", message=mid).message.is_deleted)
        self.sandbox.act("instagram", "write", account=SALON, person=ANNA, text="We wait")
        echo = eventually("the echo", lambda: next((item for item in self.items if item.message and item.message.is_echo), None))
        self.assertEqual((echo.message.text, echo.sender.id), ("We wait", SALON))
        comment = {"id": "1", "from": {"id": "2", "username": "b"}, "text": "nice"}
        self.sandbox.act("instagram", "raw", account=SALON, field="comments", value=comment)
        self.sandbox.act("instagram", "test_message", account=SALON, person=ANNA, text="random")
        eventually("the changes", lambda: [field for field, _ in self.changes] == ["comments", "messages"])
        self.assertEqual(self.sandbox.violations("instagram"), [])

    def test_what_is_sent_is_taken(self):
        anna = self.person("text", text="hi").sender.id
        self.assertEqual(asyncio.run(self.client.get_user_data(anna)).username, ANNA)
        mid = asyncio.run(self.client.send_text("Здравствуйте", anna))
        echo = eventually("the echo", lambda: next((item for item in self.items if item.message and item.message.is_echo), None))
        self.assertEqual((echo.message.mid, echo.recipient.id), (mid, anna))
        asyncio.run(self.client.send_image("https://a.example/1.png", anna))
        read = self.person("text", text="thanks")
        self.assertEqual(read.event_type, "message")
        self.assertIn("read", [item.event_type for item in self.items])
        self.assertEqual(self.sandbox.violations("instagram"), [])

    def test_failures_are_understood(self):
        anna = self.person("text", text="hi").sender.id
        self.sandbox.control("/clock/advance", {"seconds": 25 * 3600})
        with self.assertRaises(Exception) as raised:
            asyncio.run(self.client.send_text("too late", anna))
        self.assertEqual(raised.exception.status_code, 403)
        self.assertIn("2534022", str(raised.exception.response_json))
        self.sandbox.act("instagram", "expire_tokens", account=SALON)
        with self.assertRaises(Exception) as raised:
            asyncio.run(self.client.send_text("a", anna))
        self.assertEqual(raised.exception.status_code, 401)


if __name__ == "__main__":
    unittest.main()
