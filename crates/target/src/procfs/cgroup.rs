//! `/proc/PID/cgroup` and `mountinfo`, and from both the folder of a process's memory cgroup.

use std::borrow::Cow;

use super::smaps::Dev;
use super::text;

/// The deepest nesting of cgroups that is followed.
const MAX_DEPTH: usize = 64;

/// A mount, as `/proc/PID/mountinfo` has it.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// The file system's device.
    pub dev: Dev,
    /// The folder of the file system that is mounted.
    pub root: String,
    /// Where.
    pub mount_point: String,
    /// Type: `tmpfs`, `cgroup2`.
    pub fs_type: String,
    /// Options of the file system, separated by commas.
    pub super_options: String,
}

/// The mounts in the text of `mountinfo`. Lines that make no sense are left out.
pub fn parse_mountinfo(bytes: &[u8]) -> impl Iterator<Item = Mount> {
    text::lines(bytes).filter_map(mount)
}

/// `31 23 0:28 / /sys/fs/cgroup rw,relatime shared:1 - tmpfs tmpfs rw,mode=755`
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = text::words(line);
    let mut dev = words.nth(2)?.split(|&b| b == b':');
    let mut part = || u32::try_from(text::number(dev.next()?)?).ok();
    let dev = Dev { major: part()?, minor: part()? };
    let path = |word: &[u8]| text::text(&text::unescape(word));
    let (root, mount_point) = (path(words.next()?), path(words.next()?));
    // Any number of optional fields, then a dash.
    let mut rest = words.skip_while(|word| *word != b"-").skip(1);
    let fs_type = text::text(rest.next()?);
    let super_options = rest.nth(1).map(text::text).unwrap_or_default();
    Some(Mount { dev, root, mount_point, fs_type, super_options })
}

/// A line of `/proc/PID/cgroup`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Controllers, separated by commas; empty: the unified hierarchy, version 2.
    pub controllers: String,
    /// Path of the cgroup within the hierarchy, as the reader's cgroup namespace shows it.
    pub path: String,
}

/// The cgroups in the text of `/proc/PID/cgroup`. Lines that make no sense are left out.
pub fn parse(bytes: &[u8]) -> impl Iterator<Item = Membership> {
    text::lines(bytes).filter_map(|line| {
        let mut parts = line.splitn(3, |&b| b == b':');
        text::number(parts.next()?)?;
        let controllers = text::text(parts.next()?);
        let path = text::text(&text::unescape(parts.next()?));
        path.starts_with('/').then_some(Membership { controllers, path })
    })
}

/// Version of the cgroup interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// A hierarchy for each controller: `memory.limit_in_bytes`.
    V1,
    /// One hierarchy: `memory.max`.
    V2,
}

/// Where the files of a memory cgroup are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which files there are.
    pub version: Version,
    /// Where the hierarchy is mounted.
    pub mount_point: String,
    /// The cgroup's path below that, without a slash at either end; empty: the mount itself.
    pub below: String,
}

impl Place {
    /// The folders of the cgroup and of its parents up to the mount, innermost first: each of
    /// them may have a limit that holds for the process.
    pub fn folders(&self) -> impl Iterator<Item = String> {
        let mut below = Some(self.below.as_str());
        let base = self.mount_point.trim_end_matches('/');
        std::iter::from_fn(move || {
            let here = below?;
            below = match here.rsplit_once('/') {
                Some((parent, _)) => Some(parent),
                None if here.is_empty() => None,
                None => Some(""),
            };
            Some(if here.is_empty() { base.to_owned() } else { format!("{base}/{here}") })
        })
        .take(MAX_DEPTH)
    }
}

/// Where the files of a process's memory cgroups should be, by the text of its
/// `/proc/PID/cgroup` and a `mountinfo` read by the same reader. With both interfaces in use
/// there are two; one of them has no memory files.
///
/// Nothing is found when the cgroup lies outside of what these mounts show, as with the
/// processes of a neighbouring container.
#[must_use]
pub fn places(cgroup: &[u8], mountinfo: &[u8]) -> Vec<Place> {
    let members: Vec<_> = parse(cgroup).collect();
    let v1 = members.iter().find(|m| m.controllers.split(',').any(|c| c == "memory"));
    let v2 = members.iter().find(|m| m.controllers.is_empty());
    let mounts: Vec<_> = parse_mountinfo(mountinfo).collect();
    let find = |member: &Membership, version, fits: &dyn Fn(&Mount) -> bool| {
        mounts.iter().filter(|mount| fits(mount)).find_map(|mount| {
            let below = below(&mount.root, &member.path)?.into_owned();
            Some(Place { version, mount_point: mount.mount_point.clone(), below })
        })
    };
    let is_v1 = |mount: &Mount| {
        mount.fs_type == "cgroup" && mount.super_options.split(',').any(|o| o == "memory")
    };
    let v1 = v1.and_then(|m| find(m, Version::V1, &is_v1));
    let v2 = v2.and_then(|m| find(m, Version::V2, &|mount| mount.fs_type == "cgroup2"));
    v1.into_iter().chain(v2).collect()
}

/// The part of the cgroup's path below the folder that is mounted.
fn below<'a>(root: &str, path: &'a str) -> Option<Cow<'a, str>> {
    let root = root.trim_end_matches('/');
    let rest = path.strip_prefix(root)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let rest = rest.trim_matches('/');
    // `/../x`: above the root of the reader's cgroup namespace, where no mount leads.
    (!rest.split('/').any(|part| part == "..")).then_some(Cow::Borrowed(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(cgroup: &str, mountinfo: &str) -> Vec<String> {
        let places = places(cgroup.as_bytes(), mountinfo.as_bytes());
        places.iter().flat_map(|place| place.folders().collect::<Vec<_>>()).collect()
    }

    /// Version 2 on a plain host: the cgroup and all its parents.
    #[test]
    fn version_2_on_the_host() {
        let mounts =
            "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(
            one("0::/system.slice/app.service\n", mounts),
            [
                "/sys/fs/cgroup/system.slice/app.service",
                "/sys/fs/cgroup/system.slice",
                "/sys/fs/cgroup"
            ]
        );
    }

    /// Inside a container with its own cgroup namespace all paths are `/`.
    #[test]
    fn version_2_in_a_container() {
        let mounts = "900 899 0:30 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(one("0::/\n", mounts), ["/sys/fs/cgroup"]);
    }

    /// Inside a container without a namespace of its own the path is the host's, and the mount
    /// shows only the container's folder.
    #[test]
    fn version_1_in_a_container() {
        let mounts = "1 2 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            3 1 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let cgroup = "4:memory:/docker/abc/inner\n1:name=systemd:/docker/abc\n";
        assert_eq!(one(cgroup, mounts), ["/sys/fs/cgroup/memory/inner", "/sys/fs/cgroup/memory"]);
    }

    /// Both interfaces at once: the memory controller is in one of them, and both are offered.
    #[test]
    fn both_versions() {
        let mounts = "3 1 0:31 / /cg/memory rw - cgroup cgroup rw,cpu,memory\n\
            4 1 0:32 / /cg/unified\\040x rw - cgroup2 cgroup2 rw\n";
        let cgroup = "4:cpu,memory:/a\n0::/b\n";
        assert_eq!(
            one(cgroup, mounts),
            ["/cg/memory/a", "/cg/memory", "/cg/unified x/b", "/cg/unified x"]
        );
    }

    /// A neighbour's cgroup is not ours: no folder rather than a wrong one.
    #[test]
    fn a_neighbour_is_not_mistaken_for_us() {
        let mounts = "4 1 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert!(one("0::/../other\n", mounts).is_empty());
        let mounts = "4 1 0:32 /docker/ab /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert!(one("0::/docker/abc\n", mounts).is_empty());
        // Seen through the neighbour's own mounts it is found.
        let mounts = "4 1 0:32 /../other /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(one("0::/../other/x\n", mounts), ["/sys/fs/cgroup/x", "/sys/fs/cgroup"]);
    }

    #[test]
    fn hostile_text_is_survived() {
        let text =
            b"3 1 0:31 / /cg rw shared:1 - cgroup cgroup rw,memory\n4:memory:/a\\04/b\n0::/\n";
        for cut in 0..text.len() {
            let mut changed = text.to_vec();
            for byte in [0, b' ', b':', b'-', b'\\', b'\n', 0xff] {
                changed[cut] = byte;
                for place in places(&changed, &changed) {
                    assert!(place.folders().count() <= MAX_DEPTH);
                }
            }
        }
        let deep = format!("0::{}\n", "/a".repeat(10_000));
        let mounts = "4 1 0:32 / /m rw - cgroup2 cgroup2 rw\n";
        assert_eq!(one(&deep, mounts).len(), MAX_DEPTH);
    }
}
