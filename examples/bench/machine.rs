//! The machine and the day, as they are said beside the figures.

use std::fs;

/// One sentence: processor, memory, kernel, file system, day.
pub fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map_or("?", |(_, m)| m);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = memory.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "Measured on {}: {cores} cores of {}, {} GiB, Linux {}, data directory on {}; load average {} when it ended.",
        jiff::Zoned::now().date(),
        model.trim(),
        kibibytes >> 20,
        kernel.trim(),
        file_system(),
        load.split_whitespace().next().unwrap_or("?"),
    )
}

/// Kind of the file system that holds the temporary directory: the longest mount point that leads to it.
fn file_system() -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let folder = std::env::temp_dir();
    let lines = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let held = lines.filter(|(point, _)| folder.starts_with(point)).max_by_key(|(point, _)| point.len());
    held.map_or("?", |(_, kind)| kind).to_owned()
}
