//! Names of the system calls in which threads wait.

/// The name of a system call of this machine, if it is one in which threads wait.
#[must_use]
pub fn system_call(number: u64) -> Option<&'static str> {
    SYSTEM_CALLS.iter().find(|known| known.0 == number).map(|known| known.1)
}

/// Calls in which threads wait, of `arch/x86/entry/syscalls/syscall_64.tbl` of Linux.
#[cfg(target_arch = "x86_64")]
const SYSTEM_CALLS: [(u64, &str); 26] = [
    (0, "read"),
    (1, "write"),
    (7, "poll"),
    (23, "select"),
    (35, "nanosleep"),
    (42, "connect"),
    (43, "accept"),
    (44, "sendto"),
    (45, "recvfrom"),
    (46, "sendmsg"),
    (47, "recvmsg"),
    (61, "wait4"),
    (72, "fcntl"),
    (73, "flock"),
    (74, "fsync"),
    (128, "rt_sigtimedwait"),
    (202, "futex"),
    (230, "clock_nanosleep"),
    (232, "epoll_wait"),
    (247, "waitid"),
    (270, "pselect6"),
    (271, "ppoll"),
    (281, "epoll_pwait"),
    (288, "accept4"),
    (426, "io_uring_enter"),
    (441, "epoll_pwait2"),
];
/// The same of `include/uapi/asm-generic/unistd.h`.
#[cfg(not(target_arch = "x86_64"))]
const SYSTEM_CALLS: [(u64, &str); 22] = [
    (22, "epoll_pwait"),
    (25, "fcntl"),
    (32, "flock"),
    (63, "read"),
    (64, "write"),
    (72, "pselect6"),
    (73, "ppoll"),
    (82, "fsync"),
    (95, "waitid"),
    (98, "futex"),
    (101, "nanosleep"),
    (115, "clock_nanosleep"),
    (137, "rt_sigtimedwait"),
    (202, "accept"),
    (203, "connect"),
    (206, "sendto"),
    (207, "recvfrom"),
    (211, "sendmsg"),
    (212, "recvmsg"),
    (242, "accept4"),
    (260, "wait4"),
    (426, "io_uring_enter"),
];
