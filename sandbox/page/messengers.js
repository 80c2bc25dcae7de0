// What people call the messengers, in the order of the phones.

/** `card`: there are contact cards, and one's own number is one; where there are none, a number is typed. */
export const MESSENGERS = {
  telegram: { name: "Telegram", card: true },
  max: { name: "MAX", card: true },
  vk: { name: "VK", card: false },
  whatsapp: { name: "WhatsApp", card: true },
  instagram: { name: "Instagram", card: false },
};

/** A vendor's name for people. */
export const nameOf = (vendor) => MESSENGERS[vendor]?.name ?? vendor;
