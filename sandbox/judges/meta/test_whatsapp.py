"""pywa, a public client of WhatsApp's Cloud API, reads what the stand-in sends and writes what it must take."""

import logging
import unittest

import httpx
from pywa import WhatsApp, errors, types
from pywa.types.templates import BodyText, QuickReplyButton, TemplateLanguage, TemplateStatus

from sandbox import APP, SECRET, VERIFY_TOKEN, Callback, Sandbox, eventually

WABA, NUMBER, TOKEN = "102290129340398", "106540352242922", "EAAG-salon"
ANNA, VERA = "16505551234", "79161234567"
REMINDER = [
    {"type": "BODY", "text": "{{1}}, we wait for you on {{2}}.", "example": {"body_text": [["Anna", "24 Nov"]]}},
    {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Confirm"}, {"type": "QUICK_REPLY", "text": "Cancel"}]},
]
SEED = {
    "apps": [{"id": APP, "name": "salon-core", "secret": SECRET}],
    "accounts": [{
        "id": WABA, "name": "Salon 42", "app": APP, "token": TOKEN, "subscribed": [{"app": APP}],
        "numbers": [{"id": NUMBER, "display_phone_number": "+1 555-078-3881", "verified_name": "Salon 42"}],
        "templates": [
            {"name": "visit_reminder", "language": "ru", "components": REMINDER},
            {"name": "visit_reminder", "language": "en_US", "status": "PAUSED", "components": REMINDER},
        ],
    }],
    "people": [
        {"wa_id": ANNA, "name": "Anna K"},
        {"wa_id": VERA, "name": "Вера", "username": "vera", "hides_number": True, "country": "RU"},
    ],
}


class Complaints(logging.Handler):
    """pywa logs what it can't read, and goes on."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.records = []

    def emit(self, record):
        self.records.append(record.getMessage() + (f": {record.exc_info[1]!r}" if record.exc_info else ""))


class WhatsAppJudge(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox({"whatsapp": SEED})
        self.addCleanup(self.sandbox.stop)
        self.complaints = Complaints()
        logging.getLogger("pywa").addHandler(self.complaints)
        logging.getLogger("pywa").propagate = False
        self.addCleanup(logging.getLogger("pywa").removeHandler, self.complaints)
        session = httpx.Client(trust_env=False)
        self.addCleanup(session.close)
        self.client = WhatsApp(
            phone_id=NUMBER, token=TOKEN, waba_id=WABA, app_id=APP, app_secret=SECRET, verify_token=VERIFY_TOKEN, session=session,
        )
        session.base_url = f"{self.sandbox.url}/whatsapp/v26.0"
        self.updates = []
        for listen in ("message", "edited_message", "deleted_message", "callback_button", "callback_selection", "message_status",
                       "phone_number_change", "template_status_update", "user_marketing_preferences", "outgoing_message"):
            getattr(self.client, f"on_{listen}")(lambda _, update: self.updates.append(update))
        callback = Callback(self.prove, self.take)
        self.addCleanup(callback.stop)
        fields = ("messages", "message_template_status_update", "user_preferences", "smb_message_echoes")
        self.assertTrue(self.client.set_app_callback_url(
            app_id=int(APP), app_access_token=f"{APP}|{SECRET}", callback_url=callback.url, verify_token=VERIFY_TOKEN, fields=fields,
        ))

    def prove(self, query):
        self.assertEqual(query["hub.mode"], "subscribe")
        return self.client.webhook_challenge_handler(query["hub.verify_token"], query["hub.challenge"])

    def take(self, headers, raw):
        refused = self.client.webhook_update_validator(raw, headers["x-hub-signature-256"])
        return refused or self.client.webhook_update_handler(raw)

    def person(self, action, person=ANNA, **more):
        """Lets a person do something; the id of the event that follows."""
        acted = self.sandbox.act("whatsapp", "as_person", number=NUMBER, person=person, action={"do": action, **more})
        return (acted["events"] or [None])[0]

    def update(self, kind, fits=lambda _: True):
        """The first update of that kind that fits, once it is there."""
        def found():
            return [update for update in self.updates if isinstance(update, kind) and fits(update)]
        return eventually(kind.__name__, found)[0]

    def statuses(self, message):
        return [update.status.value for update in self.updates if isinstance(update, types.MessageStatus) and update.id == message]

    def clean(self):
        self.assertEqual(self.complaints.records, [])
        self.assertEqual(self.sandbox.violations("whatsapp"), [])

    def test_everything_that_arrives_is_read(self):
        first = self.person("text", text="Сколько стоит? a@b.co / 👍")
        message = self.update(types.Message)
        self.assertEqual((message.id, message.text, message.from_user.wa_id), (first, "Сколько стоит? a@b.co / 👍", ANNA))
        self.assertEqual((message.from_user.name, message.metadata.phone_number_id), ("Anna K", NUMBER))
        self.assertRegex(message.from_user.bsuid, r"^US\.\d+$")
        for action, more, read in [
            ("text", {"text": "and this", "reply_to": first}, lambda m: m.reply_to_message and m.reply_to_message.id == first),
            ("text", {"text": "from an ad", "ad": "a17"}, lambda m: m.referral and m.referral.source_id == "a17"),
            ("contact", {}, lambda m: m.contacts and m.contacts[0].phones[0].wa_id == ANNA),
            ("contact", {"phone": "+1 (983) 555-2319", "name": "Olga P"}, lambda m: m.contacts and m.contacts[0].name.formatted_name == "Olga P"),
            ("image", {"caption": "like this"}, lambda m: m.image and m.caption == "like this"),
            ("voice", {}, lambda m: m.audio and m.audio.voice),
            ("sticker", {}, lambda m: m.sticker),
            ("location", {"latitude": 55.75, "longitude": 37.61}, lambda m: m.location and m.location.latitude == 55.75),
            ("react", {"message": first, "emoji": "👍"}, lambda m: m.reaction and m.reaction.emoji == "👍"),
            ("react", {"message": first}, lambda m: m.reaction and not m.reaction.emoji),
            ("unsupported", {}, lambda m: m.type.value == "unsupported" and m.error.code == 131051),
        ]:
            event = self.person(action, **more)
            self.assertTrue(read(self.update(types.Message, lambda m, event=event: m.id == event)), action)
        self.person("edit", message=first, text="Сколько?")
        edited = self.update(types.EditedMessage)
        self.assertEqual((edited.original_message_id, edited.message.text), (first, "Сколько?"))
        self.person("delete", message=first)
        self.assertEqual(self.update(types.DeletedMessage).original_message_id, first)
        self.sandbox.act("whatsapp", "write", number=NUMBER, person=ANNA, text="We wait")
        self.assertEqual(self.update(types.OutgoingMessage).text, "We wait")
        self.person("marketing", stop=True)
        self.assertEqual(self.update(types.UserMarketingPreferences).value.value, "stop")
        self.person("change_number", to="12195555358")
        moved = self.update(types.PhoneNumberChange)
        self.assertEqual((moved.old_wa_id, moved.new_wa_id), (ANNA, "12195555358"))
        self.clean()

    def test_everything_that_is_sent_is_taken(self):
        hello = self.person("text", text="hi")
        self.update(types.Message).mark_as_read()
        self.client.indicate_typing(hello)
        plain = self.client.send_message(ANNA, "Tue 24 Nov, 15:00", tracker="out:0191c7")
        self.assertEqual(plain.chat.id, ANNA)
        tracked = self.update(types.MessageStatus, lambda s: s.id == plain.id)
        self.assertEqual((tracked.tracker, tracked.pricing.category.value), ("out:0191c7", "service"))

        asked = self.client.send_message(ANNA, "Confirm?", footer="Salon", reply_to_message_id=hello, buttons=[
            types.Button("Confirm", callback_data="bk:ok"), types.Button("Cancel", callback_data="bk:no")])
        self.person("press", message=asked.id, press="bk:ok")
        pressed = self.update(types.CallbackButton)
        self.assertEqual((pressed.data, pressed.title, pressed.reply_to_message.id), ("bk:ok", "Confirm", asked.id))
        eventually("that it was read", lambda: self.statuses(asked.id) == ["sent", "delivered", "read"])

        self.client.send_message(ANNA, "Choose a time", buttons=types.SectionList("Times", sections=[
            types.Section("Tue 24 Nov", rows=[types.SectionRow("15:00", callback_data="slot:1500", description="haircut")])]))
        self.person("press", press="slot:1500")
        self.assertEqual(self.update(types.CallbackSelection).data, "slot:1500")

        reminder = self.client.send_template(ANNA, "visit_reminder", TemplateLanguage.RUSSIAN, [
            BodyText.params("Anna", "24 Nov, 15:00"), QuickReplyButton.params(callback_data="bk:yes", index=0)])
        self.person("press", message=reminder.id, press="bk:yes")
        self.assertEqual(self.update(types.CallbackButton, lambda b: b.data == "bk:yes").title, "Confirm")

        self.person("text", VERA, text="привет")
        vera = self.update(types.Message, lambda m: m.from_user.username == "vera")
        self.assertIsNone(vera.from_user.wa_id)
        answer = vera.reply("Здравствуйте")
        self.assertEqual(self.update(types.MessageStatus, lambda s: s.id == answer.id).from_user.bsuid, vera.from_user.bsuid)
        self.clean()

    def test_failures_are_understood(self):
        late = self.client.send_message(ANNA, "out of the blue")
        self.assertIsInstance(self.update(types.MessageStatus, lambda s: s.id == late.id).error, errors.ReEngagementMessage)
        nobody = self.client.send_template("+491701234567", "visit_reminder", TemplateLanguage.RUSSIAN, [BodyText.params("A", "B")])
        self.assertIsInstance(self.update(types.MessageStatus, lambda s: s.id == nobody.id).error, errors.MessageUndeliverable)

        def refused(error, *parameters, language=TemplateLanguage.RUSSIAN):
            with self.assertRaises(error) as raised:
                self.client.send_template(ANNA, "visit_reminder", language, [BodyText.params(*parameters)])
            self.assertTrue(raised.exception.details)
        refused(errors.TemplateNotExists, "A", "B", language=TemplateLanguage.GERMAN)
        refused(errors.TemplatePaused, "A", "B", language=TemplateLanguage.ENGLISH_US)
        refused(errors.TemplateParamCountMismatch, "A")
        self.assertEqual(len(self.sandbox.violations("whatsapp")), 1)
        self.sandbox.act("whatsapp", "fail_next", number=NUMBER, failures=[{"code": 131056}, {"code": 130429}])
        for error in (errors.TooManyMessages, errors.RateLimitHit):
            with self.assertRaises(error):
                self.client.send_message(ANNA, "a")
        self.sandbox.act("whatsapp", "expire_token", account=WABA)
        with self.assertRaises(errors.ExpiredAccessToken):
            self.client.send_message(ANNA, "a")

    def test_templates_and_the_number_are_shown(self):
        self.sandbox.act("whatsapp", "template_status", account=WABA, name="visit_reminder", language="en_US", status="APPROVED")
        changed = self.update(types.TemplateStatusUpdate)
        self.assertEqual((changed.template_name, changed.new_status), ("visit_reminder", TemplateStatus.APPROVED))
        number = self.client.get_business_phone_number()
        self.assertEqual((number.display_phone_number, number.status), ("+1 555-078-3881", "CONNECTED"))
        listed = list(self.client.get_templates(name="visit_reminder"))
        self.assertEqual([(t.language.value, t.status) for t in listed], [("ru", TemplateStatus.APPROVED), ("en_US", TemplateStatus.APPROVED)])
        body = next(component for component in listed[0].components if isinstance(component, BodyText))
        self.assertEqual(body.text, "{{1}}, we wait for you on {{2}}.")
        self.clean()


if __name__ == "__main__":
    unittest.main()
