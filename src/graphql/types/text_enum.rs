//! Enums that stand as text in the database and under the same text in the schema.

macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(async_graphql::Enum, Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* #[graphql(name = $text)] $variant),+
        }

        impl $name {
            /// As the database has it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::store::StoreError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                match text.as_str() {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(crate::store::StoreError::Corrupt(stringify!($name))),
                }
            }
        }
    };
}

pub(super) use text_enum;
