//! Points in time: XML Schema's dateTimeStamp, as the data model has it, which is RFC 3339 with a zone.

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds. The clock is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads `2010-01-01T19:23:24Z` or with an offset, `…+01:00`. Fractions of a second are read and dropped, a leap second counts as the one
    /// before it. The letters may be small (RFC 3339 §5.6); years have four digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() < 20 || bytes.len() > 64 || !text.is_ascii() {
            return None;
        }
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = &bytes[from..to];
            digits
                .iter()
                .all(u8::is_ascii_digit)
                .then(|| digits.iter().fold(0, |all, digit| all * 10 + i64::from(digit - b'0')))
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let separators = [bytes[4], bytes[7], bytes[10].to_ascii_uppercase(), bytes[13], bytes[16]];
        if separators != *b"--T::"
            || !(1..=12).contains(&month)
            || !(1..=days_in_month(year, month)).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        let mut rest = 19;
        if bytes[rest] == b'.' {
            rest += 1;
            let digits = bytes[rest..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            rest += digits;
        }
        let offset = match (bytes.get(rest)?.to_ascii_uppercase(), bytes.len() - rest) {
            (b'Z', 1) => 0,
            (sign @ (b'+' | b'-'), 6) if bytes[rest + 3] == b':' => {
                let (hours, minutes) = (number(rest + 1, rest + 3)?, number(rest + 4, rest + 6)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                (hours * 60 + minutes) * if sign == b'-' { -60 } else { 60 }
            }
            _ => return None,
        };
        let days = days_from_civil(year, month, day);
        Some(Self(
            days * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset,
        ))
    }

    /// `2010-01-01T19:23:24Z`. Only for years of four digits, which clocks have for a while; others are held at the ends of that range.
    pub fn to_text(self) -> String {
        let seconds = self.0.clamp(
            days_from_civil(0, 1, 1) * 86_400,
            days_from_civil(10_000, 1, 1) * 86_400 - 1,
        );
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let time = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Years begin in March here, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_any_offset_are_the_same_point() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t01:00:00.999+01:00", 0),
            ("1969-12-31T23:30:00-00:30", 0),
            ("2000-02-29T12:00:00z", 951_825_600),
            ("2023-01-01T00:00:00Z", 1_672_531_200),
            ("1990-12-31T15:59:60-08:00", 662_687_999),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(seconds)), "{text}");
        }
    }

    #[test]
    fn times_that_are_none_are_refused() {
        for text in [
            "",
            "2023-01-01",
            "2023-01-01T00:00:00",
            "2023-01-01 00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-01-32T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:60:00Z",
            "2023-01-01T00:00:61Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00+0100",
            "2023-01-01T00:00:00+24:00",
            "2023-01-01T00:00:00ZZ",
            "12023-01-01T00:00:00Z",
            "2023-01-01T00:00:00\u{5a}\u{301}",
            "+023-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_written_reads_back_as_itself() {
        for seconds in (-62_135_596_800..253_402_300_799_i64).step_by(86_399 * 1013) {
            let text = Timestamp(seconds).to_text();
            assert_eq!(Timestamp::parse(&text), Some(Timestamp(seconds)), "{text}");
        }
        assert_eq!(Timestamp(i64::MAX).to_text(), "9999-12-31T23:59:59Z");
        assert_eq!(Timestamp(i64::MIN).to_text(), "0000-01-01T00:00:00Z");
    }
}
