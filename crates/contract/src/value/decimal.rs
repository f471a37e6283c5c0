//! Responsibility: which texts `str(Decimal)` writes.

/// Exponents beyond this cannot occur in a Python Decimal.
const MAX_EXPONENT: i64 = 1_999_999_999_999_999_997;

/// True if the text is what Python prints for a Decimal.
pub fn is_decimal(text: &str) -> bool {
    let body = text.strip_prefix('-').unwrap_or(text);
    if body == "Infinity" {
        return true;
    }
    if let Some(payload) = body.strip_prefix("NaN").or_else(|| body.strip_prefix("sNaN")) {
        return payload.bytes().all(|b| b.is_ascii_digit()) && !payload.starts_with('0');
    }
    parts(body).is_some_and(|(digits, exponent)| print(&digits, exponent) == body)
}

/// Coefficient without leading zeros (at least one digit) and exponent of an unsigned finite decimal text.
pub(super) fn parts(body: &str) -> Option<(String, i64)> {
    let (number, exponent) = match body.split_once('E') {
        Some((number, exponent)) => (number, exponent.parse::<i64>().ok()?),
        None => (body, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || exponent.unsigned_abs() > MAX_EXPONENT.unsigned_abs() {
        return None;
    }
    let all = [whole, fraction].concat();
    if !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = all.trim_start_matches('0');
    Some((if digits.is_empty() { "0".into() } else { digits.into() }, exponent - fraction.len() as i64))
}

fn print(digits: &str, exponent: i64) -> String {
    let left = exponent + digits.len() as i64;
    let dot = if exponent <= 0 && left > -6 { left } else { 1 };
    let mut out = if dot <= 0 {
        format!("0.{}{digits}", "0".repeat(dot.unsigned_abs() as usize))
    } else if dot as usize >= digits.len() {
        digits.to_owned()
    } else {
        format!("{}.{}", &digits[..dot as usize], &digits[dot as usize..])
    };
    if left != dot {
        out.push_str(&format!("E{:+}", left - dot));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::is_decimal;

    #[test]
    fn texts_that_python_prints_are_decimals() {
        for text in [
            "0", "-0", "1.50", "-12.5", "0.000001", "1E-7", "1.5E+3", "0E+5", "0E-8",
            "1E+1999999999999999997", "Infinity", "-Infinity", "NaN", "-NaN12", "sNaN",
        ] {
            assert!(is_decimal(text), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_not() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "1.",
            ".5",
            "1e5",
            "1E5",
            "1E+05",
            "15E+2",
            "0.0000001",
            "1_000",
            " 1",
            "inf",
            "nan",
            "NaN0",
            "1E+99999999999999999999",
            "1.5.5",
            "\u{661}",
        ] {
            assert!(!is_decimal(text), "{text}");
        }
    }
}
