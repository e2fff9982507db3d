//! The objects of a device identification reply (V1.1b3 §6.21).

use super::error::ResponseError;
use crate::fields::Fields;
use crate::function::MEI_DEVICE_IDENTIFICATION;

/// MEI type, read code, conformity level, more follows, next object id, number of objects.
const HEADER_BYTES: usize = 6;
/// Read code that asks for one object.
const ONE_OBJECT: u8 = 4;

struct Header {
    mei_type: u8,
    read_code: u8,
    conformity: u8,
    more_follows: u8,
    objects: u8,
}

/// Bytes of the header and the objects it announces.
pub(super) fn length(body: &[u8]) -> Result<usize, ResponseError> {
    let mut fields = Fields::of(body);
    let header = take_header(&mut fields)?;
    let mut length = HEADER_BYTES;
    for _ in 0..header.objects {
        let (_id, object_bytes) = (fields.take_u8()?, fields.take_u8()?);
        fields.take_bytes(object_bytes.into())?;
        length = length.saturating_add(2).saturating_add(object_bytes.into());
    }
    Ok(length)
}

/// Hold a reply of the right length against its request.
pub(super) fn check(body: &[u8], read_code: u8, object_id: u8) -> Result<(), ResponseError> {
    let mut fields = Fields::of(body);
    let header = take_header(&mut fields)?;
    if header.mei_type != MEI_DEVICE_IDENTIFICATION || header.read_code != read_code {
        return Err(ResponseError::Mismatch);
    }
    if !matches!(header.conformity, 0x01..=0x03 | 0x81..=0x83) {
        return Err(ResponseError::Value(header.conformity.into()));
    }
    if !matches!(header.more_follows, 0x00 | 0xFF) {
        return Err(ResponseError::Value(header.more_follows.into()));
    }
    let is_the_one = header.objects == 1 && fields.rest().first() == Some(&object_id);
    if read_code == ONE_OBJECT && !is_the_one { Err(ResponseError::Mismatch) } else { Ok(()) }
}

fn take_header(fields: &mut Fields<'_>) -> Result<Header, ResponseError> {
    let (mei_type, read_code) = (fields.take_u8()?, fields.take_u8()?);
    let (conformity, more_follows) = (fields.take_u8()?, fields.take_u8()?);
    let (_next_object_id, objects) = (fields.take_u8()?, fields.take_u8()?);
    Ok(Header { mei_type, read_code, conformity, more_follows, objects })
}
