//! The tables of `docs/OVERLAY.md`, each a function of a seed.

use super::full::tables::{churn, costs, forming, holes, records as names, rest};
use super::light::tables::{addresses, dead, records, stretch};
use super::table::Experiment;

/// All of them, in the order of the document.
pub const ALL: [Experiment; 16] = [
    Experiment { name: "degree", title: "Child limit and metric", run: stretch::degree },
    Experiment { name: "graphs", title: "Other graphs", run: stretch::graphs },
    Experiment { name: "trees", title: "Number of trees", run: stretch::trees },
    Experiment { name: "dead", title: "Dead nodes, no repair yet", run: dead::dead },
    Experiment { name: "sessions", title: "Five-minute sessions", run: dead::sessions },
    Experiment { name: "repair", title: "After repair", run: dead::repair },
    Experiment { name: "addresses", title: "Addresses lost by one death", run: addresses::lost },
    Experiment { name: "load", title: "Records by node", run: records::load },
    Experiment { name: "found", title: "Records found after deaths", run: records::found },
    Experiment { name: "lookups", title: "Hops of a lookup", run: records::lookups },
    Experiment { name: "forming", title: "From nothing to an overlay", run: forming::forming },
    Experiment { name: "rest", title: "What it says at rest", run: rest::rest },
    Experiment { name: "costs", title: "What happens, and what it costs", run: costs::costs },
    Experiment { name: "deaths", title: "Strangers found after deaths", run: names::deaths },
    Experiment { name: "churn", title: "Nodes that come and go", run: churn::churn },
    Experiment { name: "holes", title: "Relays that swallow packets", run: holes::holes },
];

#[cfg(test)]
mod tests {
    use super::super::table::Effort;
    use super::*;

    const QUICK: Effort = Effort { seed: 7, quick: true };

    #[test]
    fn every_table_is_whole_and_a_seed_is_its_figures() {
        for experiment in ALL {
            let table = (experiment.run)(QUICK);
            assert!(!table.rows.is_empty(), "{}", experiment.name);
            for row in &table.rows {
                assert_eq!(row.len(), table.head.len(), "{}", experiment.name);
            }
            assert_eq!((experiment.run)(QUICK), table, "{}", experiment.name);
            assert!(experiment.markdown(QUICK).contains(&experiment.command(QUICK)));
        }
    }

    #[test]
    fn the_document_has_every_table_by_its_command() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OVERLAY.md");
        let text = std::fs::read_to_string(path).expect("the document");
        let full = Effort { quick: false, ..QUICK };
        for experiment in ALL {
            let head = format!("### {}\n\n`{}`\n", experiment.title, experiment.command(full));
            assert!(text.contains(&head), "{head}");
        }
    }

    #[test]
    fn names_are_taken_once() {
        let mut names = ALL.map(|experiment| experiment.name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
