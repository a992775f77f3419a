//! seccomp: system calls that fail from now on.
//!
//! A list of what is denied, not of what is allowed: the system's resolver loads modules of the
//! distribution's choice (NSS) into this process, whose calls are not known here, and a call that
//! a new C library makes must not break a daemon. What makes a process that was taken over
//! dangerous to others, by contrast, is known.

use rustix::io::Errno;
use seccompiler::Error;
use serde_json::{Value, json};

use super::Lack;

/// Starting programs; other processes; names and mounts; code for the kernel; its keys; calls that
/// go round these lists; the machine.
const DENIED: [&str; 66] = [
    "execve",
    "execveat",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "setns",
    "unshare",
    "mknodat",
    "name_to_handle_at",
    "open_by_handle_at",
    "quotactl",
    "swapon",
    "swapoff",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "add_key",
    "request_key",
    "keyctl",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "personality",
    "reboot",
    "sethostname",
    "setdomainname",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "acct",
    "syslog",
    "vhangup",
];

/// The same of one architecture alone.
const DENIED_X86_64: [&str; 6] = ["fork", "vfork", "ioperm", "iopl", "modify_ldt", "mknod"];

/// `EPERM`.
const NOT_PERMITTED: u32 = 1;
/// `ENOSYS`: the C library then starts threads by `clone`, whose flags can be looked at.
const NO_SUCH_CALL: u32 = 38;
/// `CLONE_THREAD`.
const THREAD: u32 = 0x0001_0000;
/// `AF_UNIX`, `AF_INET`, `AF_INET6`, `AF_NETLINK`.
const FAMILIES: [u32; 4] = [1, 2, 10, 16];
/// `TIOCSTI` and `TIOCLINUX`: what a terminal would take for its user's keys.
const TERMINAL: [u32; 2] = [0x5412, 0x541c];

/// Denies the calls to the calling thread and those that it starts.
///
/// # Errors
///
/// Where that is not in force.
pub(super) fn confine() -> Result<(), Lack> {
    let line = |why: String| format!("the daemon's system calls are not confined: {why}");
    let (arch, own) = (std::env::consts::ARCH, std::process::id());
    for filter in compile(arch, own).map_err(|why| Lack::Failed(line(why)))? {
        seccompiler::apply_filter(&filter).map_err(|error| {
            let line = line(error.to_string());
            if is_unknown(&error) { Lack::Offered(line) } else { Lack::Failed(line) }
        })?;
    }
    Ok(())
}

/// Whether the kernel says that it has no such call, or has it without filters.
fn is_unknown(error: &Error) -> bool {
    let (Error::Prctl(why) | Error::Seccomp(why)) = error else { return false };
    matches!(Errno::from_io_error(why), Some(Errno::NOSYS | Errno::INVAL))
}

/// The two filters for an architecture and the process with this number.
fn compile(arch: &str, own: u32) -> Result<Vec<seccompiler::BpfProgram>, String> {
    let target = arch.try_into().map_err(|_| format!("unknown architecture {arch}"))?;
    let filters = [
        ("clone3", json!([{ "syscall": "clone3" }]), NO_SUCH_CALL),
        ("denied", Value::Array(denied(arch, own)), NOT_PERMITTED),
    ];
    let compiled = filters.into_iter().map(|(name, rules, errno)| {
        let filter = json!({ name: {
            "mismatch_action": "allow",
            "match_action": { "errno": errno },
            "filter": rules,
        } });
        let text = filter.to_string();
        let mut map = seccompiler::compile_from_json(text.as_bytes(), target)
            .map_err(|error| error.to_string())?;
        map.remove(name).ok_or_else(|| format!("no filter {name}"))
    });
    compiled.collect()
}

fn denied(arch: &str, own: u32) -> Vec<Value> {
    let special: &[&str] = if arch == "x86_64" { &DENIED_X86_64 } else { &[] };
    let whole = DENIED.iter().chain(special).map(|name| json!({ "syscall": name }));
    let is = |at: u8, op: Value, value: u32| {
        let (index, kind) = (at, "dword");
        json!({ "index": index, "type": kind, "op": op, "val": value })
    };
    let families = FAMILIES.iter().map(|family| is(0, json!("ne"), *family));
    let families: Vec<Value> = families.collect();
    // A process is what is no thread; a signal to another process is one to another number.
    let in_part = [
        json!({ "syscall": "clone", "args": [is(0, json!({ "masked_eq": THREAD }), 0)] }),
        json!({ "syscall": "kill", "args": [is(0, json!("ne"), own)] }),
        json!({ "syscall": "socket", "args": families }),
    ];
    let terminal = TERMINAL
        .iter()
        .map(|call| json!({ "syscall": "ioctl", "args": [is(1, json!("eq"), *call)] }));
    whole.chain(in_part).chain(terminal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_made_for_every_architecture() {
        for arch in ["x86_64", "aarch64"] {
            let filters = compile(arch, 1).expect("every call has a number");
            assert!(filters.iter().all(|filter| !filter.is_empty()), "{arch}");
            assert_eq!(filters.len(), 2);
        }
        assert!(compile("z80", 1).is_err());
    }
}
