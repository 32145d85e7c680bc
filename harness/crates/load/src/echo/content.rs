//! The bytes of messages: a header, and a pattern that follows from the seed and the number of the message.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The first bytes of a message. They begin no record of TLS.
const MAGIC: [u8; 4] = *b"Echo";
/// The length of magic, length and number.
const HEADER: usize = 16;

/// Fills `message` with the message `number` of user `user`. Its header is the magic, the whole length as a number of 32 bits and the number of the
/// message, both in little endian; what does not fit is left out.
pub(super) fn fill(message: &mut [u8], seed: u64, (user, number): (u64, u64)) {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&MAGIC);
    header[4..8].copy_from_slice(&length.to_le_bytes());
    header[8..].copy_from_slice(&number.to_le_bytes());
    let (front, rest) = message.split_at_mut(HEADER.min(message.len()));
    front.copy_from_slice(&header[..front.len()]);
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ user.rotate_left(32));
    random.set_stream(number);
    random.fill_bytes(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize, user: u64, number: u64) -> Vec<u8> {
        let mut message = vec![0; length];
        fill(&mut message, 7, (user, number));
        message
    }

    #[test]
    fn a_message_begins_with_its_length_and_number() {
        let bytes = message(300, 0, 5);
        assert_eq!(&bytes[..4], b"Echo");
        assert_eq!(bytes[4..8], 300_u32.to_le_bytes());
        assert_eq!(bytes[8..16], 5_u64.to_le_bytes());
        assert_eq!(message(16, 0, 5), [&b"Echo"[..], &16_u32.to_le_bytes(), &5_u64.to_le_bytes()].concat());
    }

    #[test]
    fn messages_differ_and_depend_on_nothing_else() {
        assert_eq!(message(64, 1, 2), message(64, 1, 2));
        let different = [message(64, 1, 2), message(64, 2, 2), message(64, 1, 3)].map(|bytes| bytes[16..].to_vec());
        assert!(different[0] != different[1] && different[0] != different[2] && different[1] != different[2]);
    }
}
