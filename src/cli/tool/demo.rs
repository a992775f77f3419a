//! `muses demo`.

use super::super::demo::{self, Plan};
use super::super::failure::{Failure, Wrong};
use super::super::settings::Settings;
use super::super::values;

/// Runs it.
pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let size = settings.read("size", |text| {
        let size = values::size(text)?;
        let least = demo::SIZE_MIN;
        let mend = format!("give {}M or more", least >> 20);
        if size < least {
            Err(Wrong::new("the cuts would not hit so small a file", mend))
        } else {
            Ok(size)
        }
    })?;
    let rate = settings.read("rate", |text| match text {
        "none" => Ok(None),
        _ => values::size(text).map(Some),
    })?;
    let mut plan = Plan { keep: settings.count("keep") > 0, ..Plan::default() };
    plan.size = size.unwrap_or(plan.size);
    plan.rate = rate.unwrap_or(plan.rate);
    demo::run(&plan)
}
