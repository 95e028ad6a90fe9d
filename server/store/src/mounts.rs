//! Where a city may not lie: SQLite's log needs memory shared between processes, which network shares do not give.
//!
//! On such a share two programs would write past each other and damage the file, so it is refused before it is opened.

use crate::error::{Result, StoreError};
use std::path::{Path, PathBuf};

pub(crate) fn refuse_network_share(dir: &Path) -> Result<()> {
    // A folder that is still to be made lies where its parent does.
    let there = dir.ancestors().filter(|p| !p.as_os_str().is_empty()).find_map(|p| p.canonicalize().ok());
    let Some(there) = there.or_else(|| std::env::current_dir().ok()) else { return Ok(()) };
    // Where the kernel does not say, there is nothing to go by.
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    match kind_of_file_system(&mounts, &there) {
        Some(kind) if is_shared(&kind) => Err(StoreError::NetworkShare { dir: dir.to_owned(), kind }),
        _ => Ok(()),
    }
}

/// Whether a kind of file system, as the kernel names it, is one that other machines write to, or that does not share
/// memory between processes.
fn is_shared(kind: &str) -> bool {
    const SHARED: [&str; 18] = [
        "nfs",
        "nfs4",
        "cifs",
        "smb2",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "coda",
        "9p",
        "ceph",
        "lustre",
        "gfs2",
        "ocfs2",
        "gpfs",
        "beegfs",
        "glusterfs",
        "davfs",
    ];
    match kind.strip_prefix("fuse.") {
        // A container's own layer on a local disk.
        Some(program) => program != "fuse-overlayfs",
        // `fuseblk` is a local disk (NTFS, exFAT); bare `fuse` does not say what it is.
        None => SHARED.contains(&kind) || kind == "fuse",
    }
}

/// The kind of the file system that a path lies on: of the mount with the longest path that leads to it, the last of equals.
fn kind_of_file_system(mounts: &str, path: &Path) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in mounts.lines() {
        let (before, after) = line.split_once(" - ")?;
        let (point, kind) = (unescaped(before.split(' ').nth(4)?), after.split(' ').next()?);
        let depth = point.components().count();
        if path.starts_with(&point) && best.as_ref().is_none_or(|(deepest, _)| depth >= *deepest) {
            best = Some((depth, kind.to_owned()));
        }
    }
    best.map(|(_, kind)| kind)
}

/// Blanks and backslashes stand in octal: `\040`.
fn unescaped(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = bytes.get(i + 1..i + 4).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (bytes[i], code) {
            (b'\\', Some(byte)) => {
                plain.push(byte);
                i += 4;
            }
            (byte, _) => {
                plain.push(byte);
                i += 1;
            }
        }
    }
    std::ffi::OsString::from_vec(plain).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:30 / /mnt/share rw,relatime shared:7 - nfs4 files:/city rw
31 27 0:31 / /mnt/two\\040words rw - cifs //files/city rw
32 30 8:1 / /mnt/share/disk rw - xfs /dev/sdb1 rw
33 27 0:33 / /mnt/cloud rw - fuse.sshfs host: rw
34 27 8:17 / /mnt/stick rw - fuseblk /dev/sdc1 rw
35 27 0:35 / /srv rw - nfs old:/ rw
36 35 8:2 / /srv rw - ext4 /dev/sdd1 rw";

    #[test]
    fn shares_are_refused_and_disks_are_not() {
        for (path, refused) in [
            ("/home/city", false),
            ("/mnt/share", true),
            ("/mnt/share/cities/shifan", true),
            ("/mnt/shared", false),
            ("/mnt/share/disk/shifan", false),
            ("/mnt/two words/shifan", true),
            ("/mnt/cloud/shifan", true),
            ("/mnt/stick/shifan", false),
            ("/srv/shifan", false),
        ] {
            let kind = kind_of_file_system(MOUNTS, Path::new(path)).unwrap();
            assert_eq!(is_shared(&kind), refused, "{path} on {kind}");
        }
        for kind in ["nfs", "smb3", "9p", "ceph", "fuse.rclone", "fuse"] {
            assert!(is_shared(kind), "{kind}");
        }
        for kind in ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "f2fs", "virtiofs", "fuse.fuse-overlayfs"] {
            assert!(!is_shared(kind), "{kind}");
        }
    }

    #[test]
    fn this_machines_temporary_folder_takes_a_city() {
        let dir = tempfile::tempdir().unwrap();
        refuse_network_share(dir.path()).unwrap();
        refuse_network_share(&dir.path().join("to/be/made")).unwrap();
    }
}
