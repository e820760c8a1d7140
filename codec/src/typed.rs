//! What the generated messages are made of: types that read and write themselves as field values, and
//! the macros that turn a message's table into its view and its draft.

use crate::encode::Encoder;
use crate::message::{FieldError, Message};
use crate::value::{Decimal, UtcTime, ValueError, parse_u64};

/// A value that can be read from a field and written to one.
pub trait FieldValue<'a>: Sized {
    /// Reads the value of a field.
    ///
    /// # Errors
    /// [`ValueError`].
    fn read(bytes: &'a [u8]) -> Result<Self, ValueError>;

    /// Writes the field `tag`. Decimals get at least `decimals_min` decimals, 0 or 1: Kraken's own have
    /// one (venue file 3.1), a client's need none.
    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, decimals_min: u8);
}

/// A required field of a message.
///
/// # Errors
/// [`FieldError`].
pub fn required<'a, T: FieldValue<'a>>(message: &Message<'a>, tag: u32) -> Result<T, FieldError> {
    T::read(message.require(tag)?).map_err(|error| FieldError::Value { tag, error })
}

/// A field that may be absent.
///
/// # Errors
/// [`FieldError::Value`].
pub fn optional<'a, T: FieldValue<'a>>(
    message: &Message<'a>,
    tag: u32,
) -> Result<Option<T>, FieldError> {
    let Some(bytes) = message.get(tag) else { return Ok(None) };
    T::read(bytes).map(Some).map_err(|error| FieldError::Value { tag, error })
}

impl<'a> FieldValue<'a> for &'a [u8] {
    fn read(bytes: &'a [u8]) -> Result<Self, ValueError> {
        Ok(bytes)
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.bytes(tag, self);
    }
}

impl FieldValue<'_> for u8 {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        match bytes {
            [] => Err(ValueError::Empty),
            [byte] => Ok(*byte),
            _ => Err(ValueError::TooLong),
        }
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.byte(tag, *self);
    }
}

impl FieldValue<'_> for bool {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        match bytes {
            b"Y" => Ok(true),
            b"N" => Ok(false),
            [] => Err(ValueError::Empty),
            _ => Err(ValueError::BadByte),
        }
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.byte(tag, if *self { b'Y' } else { b'N' });
    }
}

impl FieldValue<'_> for u64 {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        parse_u64(bytes)
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.uint(tag, *self);
    }
}

impl FieldValue<'_> for i64 {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        parse_i64(bytes)
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.decimal(tag, Decimal::new(*self, 0), 0);
    }
}

impl FieldValue<'_> for Decimal {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        Self::parse(bytes)
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, decimals_min: u8) {
        encoder.decimal(tag, *self, decimals_min);
    }
}

impl FieldValue<'_> for UtcTime {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        Self::parse(bytes)
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.time(tag, *self);
    }
}

/// Parses an integer with an optional `-`; leading zeros are legal in FIX.
///
/// # Errors
/// [`ValueError`].
pub fn parse_i64(value: &[u8]) -> Result<i64, ValueError> {
    match value.split_first() {
        Some((b'-', digits)) => match parse_u64(digits) {
            // A lone sign is a wrong form.
            Err(ValueError::Empty) => Err(ValueError::BadByte),
            Err(error) => Err(error),
            Ok(magnitude) => 0i64.checked_sub_unsigned(magnitude).ok_or(ValueError::Overflow),
        },
        _ => i64::try_from(parse_u64(value)?).map_err(|_| ValueError::Overflow),
    }
}

/// A timestamp that is written without a fraction: ExpireTime(126), venue file 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UtcSeconds(pub UtcTime);

impl FieldValue<'_> for UtcSeconds {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        UtcTime::parse(bytes).map(Self)
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.bytes(tag, &self.0.to_fix_seconds());
    }
}

/// A time of day without a date, nanoseconds since midnight: MDEntryTime(273), venue file 4.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeOfDay(pub u64);

impl TimeOfDay {
    /// Parses `HH:MM:SS` with an optional fraction of 1 to 12 digits, cut to nanoseconds.
    ///
    /// # Errors
    /// [`ValueError`], as [`UtcTime::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ValueError> {
        const DATE: &[u8; 9] = b"19700101-";
        const LONGEST: usize = "19700101-HH:MM:SS.pppppppppppp".len();
        let mut text = [0; LONGEST];
        let length = DATE.len() + bytes.len();
        if bytes.is_empty() {
            return Err(ValueError::Empty);
        }
        let time = text.get_mut(DATE.len()..length).ok_or(ValueError::BadByte)?;
        time.copy_from_slice(bytes);
        text[..DATE.len()].copy_from_slice(DATE);
        UtcTime::parse(&text[..length]).map(|time| Self(time.0))
    }
}

impl FieldValue<'_> for TimeOfDay {
    fn read(bytes: &[u8]) -> Result<Self, ValueError> {
        Self::parse(bytes)
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.bytes(tag, &UtcTime(self.0).to_fix_time_only());
    }
}

/// Values of an enumeration, separated by single spaces: ExecInst(18) `P s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words<'a, T> {
    text: &'a [u8],
    of: core::marker::PhantomData<T>,
}

impl<'a, T: FieldValue<'a> + PartialEq> Words<'a, T> {
    /// From the text as it stands on the wire.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self { text, of: core::marker::PhantomData }
    }

    /// The text as it stands on the wire.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The values; an error for a word that the enumeration does not have.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, ValueError>> + use<'a, T> {
        self.text.split(|&byte| byte == b' ').map(T::read)
    }

    /// Whether a value is among them.
    #[must_use]
    pub fn contains(&self, value: &T) -> bool {
        self.iter().any(|word| word.as_ref() == Ok(value))
    }
}

impl<'a, T: FieldValue<'a> + PartialEq> FieldValue<'a> for Words<'a, T> {
    fn read(bytes: &'a [u8]) -> Result<Self, ValueError> {
        Ok(Self::new(bytes))
    }

    fn write(&self, encoder: &mut Encoder<'_>, tag: u32, _: u8) {
        encoder.bytes(tag, self.text);
    }
}

/// An enumeration of a field's valid values. Reading another value is [`ValueError::Overflow`].
macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $value, "`")] $variant,)*
        }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value on the wire.
            #[must_use]
            pub const fn fix(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)*
                }
            }
        }

        impl $crate::typed::FieldValue<'_> for $name {
            fn read(bytes: &[u8]) -> Result<Self, $crate::value::ValueError> {
                if bytes.is_empty() {
                    return Err($crate::value::ValueError::Empty);
                }
                let found = Self::ALL.iter().find(|one| one.fix().as_bytes() == bytes);
                found.copied().ok_or($crate::value::ValueError::Overflow)
            }

            fn write(&self, encoder: &mut $crate::encode::Encoder<'_>, tag: u32, _: u8) {
                encoder.bytes(tag, self.fix().as_bytes());
            }
        }
    };
}

/// A message or a group entry: `View` reads it in place, `Draft` writes it.
///
/// The required fields of a draft are its own, so that the compiler refuses one that lacks any; the
/// others stand in `Optional`, which has a default.
macro_rules! fields {
    (
        $(#[$doc:meta])*
        decimals $decimals:literal;
        view { $($vmode:ident $vtag:literal $vname:ident $vfix:literal: $vtype:ty $(, $vspec:ident [$($vinner:path),*] [$($vbeside:ident),*])?;)* }
        draft $(<$dl:lifetime>)? { $($dname:ident $dfix:literal: $dtype:ty;)* }
        $(optional $(<$ol:lifetime>)? { $($oname:ident $ofix:literal: $otype:ty;)* })?
        wire { $($wmode:ident $($wtag:literal)+ $($wname:ident).+;)* }
    ) => {
        $(#[$doc])*
        ///
        /// This is a view: it copies nothing, and reads a field when it is asked for it.
        #[derive(Debug, Clone, Copy)]
        pub struct View<'a>($crate::message::Message<'a>);

        impl<'a> View<'a> {
            /// A view of a message or entry, whose type is not looked at.
            #[must_use]
            pub const fn new(message: $crate::message::Message<'a>) -> Self {
                Self(message)
            }

            /// What is viewed.
            #[must_use]
            pub const fn message(&self) -> $crate::message::Message<'a> {
                self.0
            }

            $($crate::typed::accessor!($vmode $vtag $vname $vfix $vtype $(, $vspec [$($vinner),*] [$($vbeside),*])?);)*
        }

        $(#[$doc])*
        ///
        /// This is a draft, to be written.
        #[derive(Clone, Copy)]
        pub struct Draft $(<$dl>)? {
            $(
                #[doc = $dfix]
                pub $dname: $dtype,
            )*
            $(
                /// What need not be there.
                pub optional: Optional $(<$ol>)?,
            )?
        }

        $(
            /// The fields that need not be there.
            #[derive(Clone, Copy, Default)]
            pub struct Optional $(<$ol>)? {
                $(
                    #[doc = $ofix]
                    pub $oname: $otype,
                )*
            }
        )?

        impl $(<$dl>)? Draft $(<$dl>)? {
            /// Writes the fields in the order of the dictionary, behind the header that `encoder` begins
            /// with.
            pub fn write(&self, encoder: &mut $crate::encode::Encoder<'_>) {
                $($crate::typed::put!(encoder, $decimals, $wmode $($wtag)+, self.$($wname).+);)*
            }
        }
    };
}

macro_rules! accessor {
    (required $tag:literal $name:ident $fix:literal $type:ty) => {
        #[doc = concat!($fix, "(", $tag, "), required.")]
        ///
        /// # Errors
        /// [`FieldError`](crate::message::FieldError) if it is missing or does not parse.
        pub fn $name(&self) -> Result<$type, $crate::message::FieldError> {
            $crate::typed::required(&self.0, $tag)
        }
    };
    (optional $tag:literal $name:ident $fix:literal $type:ty) => {
        #[doc = concat!($fix, "(", $tag, ").")]
        ///
        /// # Errors
        /// [`FieldError`](crate::message::FieldError) if it is there and does not parse.
        pub fn $name(&self) -> Result<Option<$type>, $crate::message::FieldError> {
            $crate::typed::optional(&self.0, $tag)
        }
    };
    (group $tag:literal $name:ident $fix:literal $type:ty, $spec:ident [$($inner:path),*] [$($beside:ident),*]) => {
        #[doc = concat!("The entries of ", $fix, "(", $tag, "), none if it is absent.")]
        ///
        /// # Errors
        /// [`GroupError`](crate::message::GroupError).
        pub fn $name(
            &self,
        ) -> Result<impl ExactSizeIterator<Item = $type>, $crate::message::GroupError> {
            let (nested, beside) = (&[$(&$inner),*], &[$(&$beside),*]);
            self.0.group_beside(&$spec, nested, beside).map(|entries| entries.map(<$type>::new))
        }
    };
}

macro_rules! put {
    ($encoder:ident, $decimals:literal, required $tag:literal, $value:expr) => {
        $crate::typed::FieldValue::write(&$value, $encoder, $tag, $decimals)
    };
    ($encoder:ident, $decimals:literal, optional $tag:literal, $value:expr) => {
        if let Some(value) = &$value {
            $crate::typed::FieldValue::write(value, $encoder, $tag, $decimals);
        }
    };
    ($encoder:ident, $decimals:literal, data $length:literal $tag:literal, $value:expr) => {
        if let Some(value) = $value {
            $encoder.data($length, $tag, value);
        }
    };
    ($encoder:ident, $decimals:literal, required_data $length:literal $tag:literal, $value:expr) => {
        $encoder.data($length, $tag, $value);
    };
    ($encoder:ident, $decimals:literal, group $tag:literal, $value:expr) => {{
        $encoder.uint($tag, $value.len() as u64);
        for entry in $value {
            entry.write($encoder);
        }
    }};
    ($encoder:ident, $decimals:literal, optional_group $tag:literal, $value:expr) => {
        if !$value.is_empty() {
            $crate::typed::put!($encoder, $decimals, group $tag, $value)
        }
    };
}

pub(crate) use {accessor, enumeration, fields, put};
