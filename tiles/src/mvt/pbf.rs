//! As much of protocol buffers as a vector tile needs to be written.

/// A message under construction.
#[derive(Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub fn uint(&mut self, field: u32, value: u64) {
        self.key(field, 0);
        varint(&mut self.bytes, value);
    }

    /// Small negative numbers take few bytes.
    pub fn sint(&mut self, field: u32, value: i64) {
        self.uint(field, zigzag(value));
    }

    pub fn double(&mut self, field: u32, value: f64) {
        self.key(field, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn float(&mut self, field: u32, value: f32) {
        self.key(field, 5);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn text(&mut self, field: u32, text: &str) {
        self.block(field, text.as_bytes());
    }

    pub fn message(&mut self, field: u32, message: &Self) {
        self.block(field, &message.bytes);
    }

    pub fn packed(&mut self, field: u32, values: &[u32]) {
        self.key(field, 2);
        let length: usize = values.iter().map(|value| varint_len(u64::from(*value))).sum();
        varint(&mut self.bytes, length as u64);
        values.iter().for_each(|value| varint(&mut self.bytes, u64::from(*value)));
    }

    pub fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn block(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, 2);
        varint(&mut self.bytes, bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn key(&mut self, field: u32, wire: u32) {
        varint(&mut self.bytes, u64::from(field << 3 | wire));
    }
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_format_has_them() {
        for (value, wanted) in
            [(0, vec![0]), (1, vec![1]), (300, vec![0xac, 0x02]), (u64::MAX, vec![255, 255, 255, 255, 255, 255, 255, 255, 255, 1])]
        {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out, wanted);
            assert_eq!(varint_len(value), wanted.len());
        }
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
        assert_eq!(zigzag(i64::MIN), u64::MAX);
    }
}
