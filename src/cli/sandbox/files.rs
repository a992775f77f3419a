//! Landlock: the files that the process may still open.

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};

use crate::base::ids::Endpoint;

use super::{Lack, parent};

/// The newest rules that are asked for: an older kernel has fewer.
const RULES: ABI = ABI::V6;

/// What the system's resolver reads, and loads (NSS modules). `/etc` as a whole, because
/// `resolv.conf` is another file after each change of place.
const RESOLVER: [&str; 12] = [
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/nix/store",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/connman",
    "/run/nscd",
];

/// The files of a daemon.
#[derive(Clone, Debug)]
pub struct Files {
    /// Where it keeps what it wants to find again.
    state: PathBuf,
    /// Where its listening Unix sockets are made and removed.
    sockets: Vec<PathBuf>,
}

impl Files {
    /// Those of a daemon with this state directory and these listeners.
    pub fn new<'a>(state: &Path, listeners: impl IntoIterator<Item = &'a Endpoint>) -> Self {
        let directory = |at: &Endpoint| match at {
            Endpoint::Unix(path) => Some(parent(path)),
            Endpoint::Tcp(_) | Endpoint::Host(..) => None,
        };
        let sockets = listeners.into_iter().filter_map(directory).collect();
        Self { state: state.to_owned(), sockets }
    }

    /// Allows the calling thread, and those that it starts, nothing else.
    ///
    /// # Errors
    ///
    /// Where not all of it is in force.
    pub(super) fn confine(&self) -> Result<(), Lack> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let socket = AccessFs::MakeSock | AccessFs::RemoveFile;
        let state = read | socket | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg;
        let confined = Ruleset::default()
            .handle_access(AccessFs::from_all(RULES))
            .and_then(|rules| rules.scope(BitFlags::<Scope>::all()))
            .and_then(Ruleset::create)
            .and_then(|rules| rules.add_rules(path_beneath_rules([&self.state], state)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(&self.sockets, socket)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(RESOLVER, read)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(resolv_conf(), read)))
            .and_then(|rules| rules.restrict_self());
        match confined.map(|status| status.ruleset) {
            Ok(RulesetStatus::FullyEnforced) => Ok(()),
            Ok(RulesetStatus::PartiallyEnforced) => Err(Lack::Offered(
                "this kernel confines the daemon's files in part only (Landlock before Linux 6.12)"
                    .to_owned(),
            )),
            Ok(RulesetStatus::NotEnforced) => Err(Lack::Offered(
                "this kernel does not confine the daemon's files (no Landlock)".to_owned(),
            )),
            Err(error) => {
                Err(Lack::Failed(format!("the daemon's files are not confined: {error}")))
            }
        }
    }
}

/// The directory of the file that `/etc/resolv.conf` leads to.
fn resolv_conf() -> Option<PathBuf> {
    fs::canonicalize("/etc/resolv.conf").ok()?.parent().map(Path::to_owned)
}
