//! Protobuf's own layer (see <https://protobuf.dev/programming-guides/encoding>): fields by number.

/// A body that is not the message it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it ends within a field")]
    Truncated,
    #[error("a number is too long, or no field's")]
    Number,
    #[error("a field has another type")]
    Type,
    #[error("a text is not UTF-8")]
    Text,
    #[error("values are nested too deep")]
    Depth,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Payload<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Payload<'a> {
    pub(super) fn varint(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(Malformed::Type),
        }
    }

    pub(super) fn fixed64(self) -> Result<u64, Malformed> {
        match self {
            Self::Fixed64(number) => Ok(number),
            _ => Err(Malformed::Type),
        }
    }

    pub(super) fn fixed32(self) -> Result<u32, Malformed> {
        match self {
            Self::Fixed32(number) => Ok(number),
            _ => Err(Malformed::Type),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::Type),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Text)
    }
}

/// Calls `read` with the number and payload of every field of a message, in order.
pub(super) fn fields<'a>(
    mut message: &'a [u8],
    mut read: impl FnMut(u64, Payload<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    /// Fields are numbered from one to this.
    const LAST: u64 = (1 << 29) - 1;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        if !(1..=LAST).contains(&(tag >> 3)) {
            return Err(Malformed::Number);
        }
        let payload = match tag & 7 {
            0 => Payload::Varint(varint(&mut message)?),
            1 => Payload::Fixed64(u64::from_le_bytes(array(&mut message)?)),
            2 => {
                let length = varint(&mut message)?;
                let length = usize::try_from(length).map_err(|_| Malformed::Truncated)?;
                let (bytes, rest) = message
                    .split_at_checked(length)
                    .ok_or(Malformed::Truncated)?;
                message = rest;
                Payload::Bytes(bytes)
            }
            5 => Payload::Fixed32(u32::from_le_bytes(array(&mut message)?)),
            _ => return Err(Malformed::Type),
        };
        read(tag >> 3, payload)?;
    }
    Ok(())
}

fn array<const N: usize>(message: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (array, rest) = message.split_first_chunk().ok_or(Malformed::Truncated)?;
    *message = rest;
    Ok(*array)
}

fn varint(message: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first().ok_or(Malformed::Truncated)?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &[u8]) -> Result<Vec<(u64, Payload<'_>)>, Malformed> {
        let mut found = Vec::new();
        fields(message, |number, payload| {
            found.push((number, payload));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn every_wire_type_is_read() {
        for (message, expected) in [
            (&[][..], vec![]),
            (&[0x08, 0x96, 0x01], vec![(1, Payload::Varint(150))]),
            (
                &[0x11, 1, 0, 0, 0, 0, 0, 0, 0],
                vec![(2, Payload::Fixed64(1))],
            ),
            (&[0x1a, 2, b'h', b'i'], vec![(3, Payload::Bytes(b"hi"))]),
            (&[0x25, 2, 0, 0, 0], vec![(4, Payload::Fixed32(2))]),
            (
                &[0x08, 1, 0x82, 0x01, 0],
                vec![(1, Payload::Varint(1)), (16, Payload::Bytes(b""))],
            ),
        ] {
            assert_eq!(read(message), Ok(expected), "{message:?}");
        }
    }

    #[test]
    fn what_is_not_protobuf_is_refused() {
        for (message, expected) in [
            (&[0x08][..], Malformed::Truncated),
            (&[0x08, 0x80], Malformed::Truncated),
            (&[0x11, 1, 2], Malformed::Truncated),
            (&[0x1a, 3, b'h', b'i'], Malformed::Truncated),
            (&[0x25, 1], Malformed::Truncated),
            (&[0x0b], Malformed::Type),
            (&[0xff; 11], Malformed::Number),
            (&[0x00, 0], Malformed::Number),
            (
                &[0x85, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0],
                Malformed::Number,
            ),
        ] {
            assert_eq!(read(message), Err(expected), "{message:?}");
        }
        assert_eq!(Payload::Bytes(&[0xff]).text(), Err(Malformed::Text));
        assert_eq!(Payload::Varint(1).text(), Err(Malformed::Type));
    }
}
