//! A network interface whose other side is a file: one packet a read, one a write.

use std::ffi::c_void;
use std::fs::File;
use std::io;

use rustix::fs::OFlags;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};

use super::namespace::Namespace;

/// `TUNSETIFF` of `linux/if_tun.h`.
const TUNSETIFF: Opcode = 0x4004_54ca;
/// `IFF_TUN | IFF_NO_PI`: whole IP packets, nothing before them.
const FLAGS: u16 = 0x0001 | 0x1000;

/// `struct ifreq` of `linux/if.h`: the interface's name, then a union of 24 bytes.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

struct SetInterface(Request);

// SAFETY: TUNSETIFF reads one `struct ifreq`, which is what `as_ptr` leads to, and returns no
// memory.
#[allow(unsafe_code)]
unsafe impl Ioctl for SetInterface {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        TUNSETIFF
    }

    fn as_ptr(&mut self) -> *mut c_void {
        (&raw mut self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// Makes the interface in a namespace, with its address, and gives its other side.
pub(crate) fn open(at: &Namespace, name: &'static str, address: &str) -> File {
    let file = at.inside(move || attach(name)).expect("/dev/net/tun is there");
    at.ip(&format!("addr add {address} dev {name}\nlink set {name} txqueuelen 1000 up"));
    file
}

#[allow(unsafe_code)]
fn attach(name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open("/dev/net/tun", flags, rustix::fs::Mode::empty())?;
    let mut request = Request { name: [0; 16], flags: FLAGS, rest: [0; 22] };
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: see `SetInterface`; the file is a TUN device that has no interface yet.
    unsafe { ioctl(&file, SetInterface(request))? };
    Ok(File::from(file))
}
