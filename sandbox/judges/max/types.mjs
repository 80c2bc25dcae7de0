// The client's own declarations as the judge of an update's shape: each update is written down as a literal of the type `Update` and
// given to the TypeScript compiler, which finds what is missing, what is of another type, and what nobody declared.

import ts from "typescript";

const OPTIONS = {
  strict: true, noEmit: true, skipLibCheck: true, types: [], lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
};

/** The compiler's complaints about a list of updates, none if all fit. */
export function complaints(updates) {
  const name = `${process.cwd()}/updates.mts`;
  const lines = updates.map((update, index) => `export const update${index}: Update = ${JSON.stringify(update)};`);
  const text = ['import type { Update } from "@maxhub/max-bot-api/types";', ...lines].join("\n");
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (file) => file === name || fileExists(file);
  host.getSourceFile = (file, version) => (file === name ? ts.createSourceFile(file, text, version) : getSourceFile(file, version));
  const program = ts.createProgram([name], OPTIONS, host);
  return ts.getPreEmitDiagnostics(program).map((one) => ts.flattenDiagnosticMessageText(one.messageText, "\n"));
}

/** An update with what is known to differ between MAX's messages and the client's declarations set right, each with its reason. */
export function agreed(original) {
  const update = structuredClone(original);
  // The declaration is an enumeration without members, which no language fits.
  delete update.user_locale;
  // Sent by MAX beside `user`, and declared nowhere.
  if (update.update_type !== "message_removed") delete update.user_id;
  // Comments came after the document that the stand-in keeps to.
  if (update.update_type === "message_removed") update.post_id = null;
  for (const user of [update.user, update.callback?.user, update.message?.sender]) agreeUser(user);
  const { recipient, body } = update.message ?? {};
  if (recipient) Object.assign(recipient, { user_id: recipient.user_id ?? null, post_id: null });
  for (const attachment of body?.attachments ?? []) agreeAttachment(attachment, update.message.sender);
  return update;
}

// People without a public name: MAX leaves it out, the declaration says null.
function agreeUser(user) {
  if (user) user.username ??= null;
}

function agreeAttachment(attachment, sender) {
  const { payload } = attachment;
  switch (attachment.type) {
    case "audio":
      // In MAX's document, not in the declaration.
      delete attachment.transcription;
      break;
    case "contact":
      // The declaration knows the sender's own card only.
      payload.hash ??= "";
      payload.max_info ??= sender;
      agreeUser(payload.max_info);
      break;
    case "inline_keyboard":
      // Both come from MAX, and neither may be sent.
      delete attachment.callback_id;
      for (const button of payload.buttons.flat()) delete button.intent;
      break;
  }
}
