//! `muses sim tables`: the tables of `docs/OVERLAY.md`.

use crate::sim::table::{Effort, Experiment};
use crate::sim::tables::ALL;

use super::super::super::failure::{Failure, Wrong};
use super::super::super::programs::print;
use super::super::super::settings::{Settings, nearest};

/// Runs it. Each table is printed as soon as it is measured.
pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let effort = Effort { seed: super::seed(settings)?, quick: settings.count("quick") > 0 };
    let asked = settings.all("table").map(|given| given.read(find));
    let asked = asked.collect::<Result<Vec<Experiment>, _>>()?;
    let chosen = if asked.is_empty() { ALL.to_vec() } else { asked };
    for (at, experiment) in chosen.iter().enumerate() {
        let gap = if at == 0 { "" } else { "\n" };
        print(&format!("{gap}{}", experiment.markdown(effort)))?;
    }
    Ok(())
}

fn find(name: &str) -> Result<Experiment, Wrong> {
    let names = || ALL.iter().map(|experiment| experiment.name);
    ALL.into_iter().find(|experiment| experiment.name == name).ok_or_else(|| {
        let mend = match nearest(name, names()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("choose of {}", names().collect::<Vec<_>>().join(", ")),
        };
        Wrong::new(format!("no table is called '{name}'"), mend)
    })
}
