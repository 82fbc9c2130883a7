//! The clock of PCs (Motorola MC146818 data sheet).

/// Registers.
const SECONDS: u8 = 0;
const MINUTES: u8 = 2;
const HOURS: u8 = 4;
const DAY: u8 = 7;
const MONTH: u8 = 8;
const YEAR: u8 = 9;
const CONTROL_A: u8 = 10;
const CONTROL_B: u8 = 11;

const A_UPDATES: u8 = 1 << 7;
const B_BINARY: u8 = 1 << 2;
const B_24_HOURS: u8 = 1 << 1;
const HOURS_AFTERNOON: u8 = 1 << 7;
/// How often it is looked at while it changes, which takes 2 ms, before it passes for broken.
const TRIES: usize = 100_000;

/// Seconds since 1970, of a clock that keeps UTC and whose registers `read` reads; `None` if there is
/// no clock, or no date in it.
pub fn seconds(mut read: impl FnMut(u8) -> u8) -> Option<u64> {
    let mut now = |_| {
        (read(CONTROL_A) & A_UPDATES == 0)
            .then(|| [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, CONTROL_B].map(&mut read))
    };
    // What is the same twice was not read while it changed.
    let mut last = None;
    let mut settled = (0..TRIES).map(&mut now).filter(|now| {
        let same = now.is_some() && *now == last;
        last = *now;
        same
    });
    let [second, minute, hour, day, month, year, control] = settled.next()??;
    let number = |byte: u8| match control & B_BINARY {
        0 => u64::from(byte >> 4) * 10 + u64::from(byte & 0xf),
        _ => u64::from(byte),
    };
    let mut hours = number(hour & !HOURS_AFTERNOON);
    if control & B_24_HOURS == 0 {
        hours = hours % 12 + if hour & HOURS_AFTERNOON != 0 { 12 } else { 0 };
    }
    let (day, month) = (number(day), number(month));
    if !(1..=31).contains(&day) || !(1..=12).contains(&month) || hours > 23 {
        return None;
    }
    // Two digits: the clock is younger than 1970.
    let year = match number(year) {
        year @ 70.. => 1900 + year,
        year => 2000 + year,
    };
    let (minutes, seconds) = (number(minute), number(second));
    if minutes > 59 || seconds > 59 {
        return None;
    }
    Some(((days(year, month, day) * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// Days since 1970 began: in years that begin in March, the leap day comes last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leaps = year / 4 - year / 100 + year / 400;
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(registers: [u8; 12]) -> Option<u64> {
        seconds(|register| registers[register as usize])
    }

    #[test]
    fn digits_and_numbers_are_read() {
        let digits = [0x56, 0, 0x34, 0, 0x12, 0, 0, 0x29, 0x02, 0x24, 0x26, 2];
        assert_eq!(clock(digits), Some(1_709_210_096));
        let numbers = [56, 0, 34, 0, 12, 0, 0, 29, 2, 24, 0x26, 6];
        assert_eq!(clock(numbers), Some(1_709_210_096));
        assert_eq!(clock([0, 0, 0, 0, 0, 0, 0, 1, 1, 0x70, 0x26, 2]), Some(0));
    }

    #[test]
    fn noon_and_midnight_of_twelve_hours_are_told_apart() {
        let at = |hour| clock([0, 0, 0, 0, hour, 0, 0, 1, 1, 0x70, 0x26, 0]);
        assert_eq!((at(0x12), at(0x92)), (Some(0), Some(12 * 3600)));
        assert_eq!((at(0x01), at(0x81)), (Some(3600), Some(13 * 3600)));
    }

    #[test]
    fn what_is_no_clock_is_refused() {
        assert_eq!(clock([0xff; 12]), None);
        assert_eq!(clock([0; 12]), None);
    }

    #[test]
    fn a_time_that_changes_is_read_again() {
        let (mut reads, mut second) = (0, 0x58);
        let time = seconds(|register| {
            reads += 1;
            if reads == 5 {
                second = 0x59;
            }
            match register {
                SECONDS => second,
                DAY | MONTH => 1,
                YEAR => 0x70,
                CONTROL_B => B_24_HOURS,
                _ => 0,
            }
        });
        assert_eq!(time, Some(59));
    }
}
