//! A tape from anybody: played or refused, never a panic and never memory by a claimed length
//! (FR-01, FR-08).

use crate::base::clock::Time;
use crate::device::{Device, DeviceConfig};
use crate::tape::play;

use super::machines::node_config;

/// Kind of a tape of [`example_device`]; its origin is not read.
pub const EXAMPLE_KIND: u8 = 1;

/// A tape's bytes, as they stand in a file; its own header has the version.
pub fn tape(input: &[u8]) {
    let report = play(input, |kind, origin| match kind {
        EXAMPLE_KIND => Ok(example_device()),
        _ => {
            // What a tape says of a core is read, and not built: it may ask for any memory.
            let read = serde_json::from_slice::<DeviceConfig>(origin);
            Err(read.err().map_or_else(String::new, |error| error.to_string()))
        }
    });
    match report {
        Ok(report) => assert!(!report.ended || !report.torn),
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
}

/// The device that tapes of the corpus were recorded from.
#[must_use]
pub fn example_device() -> Device {
    let config = DeviceConfig { node: node_config(), cloak: None, seed: [7; 32] };
    Device::new(config, Time::ZERO)
}
