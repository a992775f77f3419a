//! What was seen of one attack, and whether it is as promised.

use std::time::Duration;

/// Part of its throughput that the honest pair keeps.
pub(crate) const KEPT: f64 = 0.8;
/// A new session takes no longer than this.
pub(crate) const SETUP_MAX: Duration = Duration::from_secs(1);
/// All is as before this long after the attack.
pub(crate) const RECOVERY_MAX: Duration = Duration::from_secs(3);
/// Memory that an allocator may keep of what is gone.
pub(crate) const MEMORY_KEPT: u64 = 8 << 20;

/// One attack's figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Bytes a second of the honest transfer.
    pub(crate) before: f64,
    pub(crate) during: f64,
    pub(crate) after: f64,
    /// New sessions begun while it lasted: how long each took, in seconds.
    pub(crate) setups: Vec<f64>,
    /// Those that failed: why.
    pub(crate) failed: Vec<String>,
    /// Seconds until flow and sessions were as before; none if they never were.
    pub(crate) recovery: Option<f64>,
    /// The attacker's bytes and seconds of CPU, in a second.
    pub(crate) cost: (f64, f64),
    /// Seconds of CPU that the relay spends in one, before and during.
    pub(crate) spent: (f64, f64),
    /// Resident bytes of the victim before, at the attack's end, and a minute after.
    pub(crate) memory: (u64, u64, Option<u64>),
    /// Lines that the victim logged in a second.
    pub(crate) log_lines: f64,
    /// What else was seen.
    pub(crate) more: Vec<String>,
    /// What must not happen at all and did.
    pub(crate) faults: Vec<String>,
}

impl Figures {
    /// Part of its throughput that the pair kept: of the mean before and after, because what else
    /// the machine does changes with time.
    pub(crate) fn kept(&self) -> f64 {
        let without = if self.after > 0.0 { (self.before + self.after) / 2.0 } else { self.before };
        self.during / without.max(1.0)
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.setups.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn worst(&self) -> f64 {
        self.setups.iter().copied().fold(f64::NAN, f64::max)
    }

    /// What of the promise was not kept.
    pub(crate) fn broken(&self, is_off_path: bool) -> Vec<String> {
        let mut broken = self.faults.clone();
        if is_off_path && self.kept() < KEPT {
            broken.push(format!("kept {:.0} % of the throughput", self.kept() * 100.0));
        }
        if is_off_path && self.worst() > SETUP_MAX.as_secs_f64() {
            broken.push(format!("a new session took {:.2} s", self.worst()));
        }
        if is_off_path && !self.failed.is_empty() {
            broken.push(format!("{} sessions failed: {}", self.failed.len(), self.failed[0]));
        }
        match self.recovery {
            None => broken.push("never recovered".into()),
            Some(time) if time > RECOVERY_MAX.as_secs_f64() => {
                broken.push(format!("recovered after {time:.1} s"));
            }
            Some(_) => {}
        }
        let (before, _, after) = self.memory;
        if let Some(more) = after.map(|after| after.saturating_sub(before))
            && more > MEMORY_KEPT
        {
            broken.push(format!("{} MiB remain in memory", more >> 20));
        }
        broken
    }
}
