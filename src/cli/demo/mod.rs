//! stub
use super::failure::Failure;
/// x
pub const SIZE_MIN: u64 = 1;
/// Plan.
#[derive(Default)]
pub struct Plan {
    /// x
    pub size: u64,
    /// x
    pub rate: Option<u64>,
    /// x
    pub keep: bool,
}
/// x
pub fn run(_: &Plan) -> Result<(), Failure> {
    Ok(())
}
