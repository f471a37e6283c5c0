//! Responsibility: floats in Python's `repr` form.

/// Python's `repr` of a float: `1e+16`, `1e-07`, `0.1`, `1.0`, `nan`, `-inf`.
pub fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.into();
    }
    // The standard library finds digits as short, but of two equally near ones not always the even one.
    let mut buffer = zmij::Buffer::new();
    let short = buffer.format_finite(number);
    if let Some((digits, exponent)) = short.split_once('e') {
        return match exponent.as_bytes() {
            [sign, last] => format!("{digits}e{}0{}", char::from(*sign), char::from(*last)),
            _ => short.into(),
        };
    }
    // Python ends plain notation one place earlier.
    match short.split_once("0.0000") {
        Some((sign @ ("" | "-"), digits)) if !digits.is_empty() => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{dot}{rest}e-05")
        }
        _ => short.into(),
    }
}

/// The float of a `repr`, if the text is one.
pub fn float_repr_parse(text: &str) -> Option<f64> {
    let number = text.parse().ok()?;
    (float_repr(number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_are_shown_as_python_shows_them() {
        for text in [
            "0.0",
            "-0.0",
            "1.0",
            "0.1",
            "0.0001",
            "1e-05",
            "1.5e-05",
            "-9.25e-05",
            "1e-07",
            "5e-324",
            "1e-100",
            "123456789012345.6",
            "9999999999999998.0",
            "1e+16",
            "-1.5e+22",
            "1.7976931348623157e+308",
            "nan",
            "inf",
            "-inf",
        ] {
            assert_eq!(float_repr(text.parse().unwrap()), text);
        }
        assert_eq!(float_repr(-4_452_712_482_368_009.0 / 4.0), "-1113178120592002.2");
    }

    #[test]
    fn other_notations_are_no_repr() {
        for text in ["1", "1e5", "1e16", "1e-5", "+1.0", "1.50", "infinity", "NaN", "", " 1.0"] {
            assert_eq!(float_repr_parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_repr_reads_back_as_the_same_float(number in any::<f64>()) {
            let read = float_repr_parse(&float_repr(number)).unwrap();
            prop_assert!(read == number || read.is_nan() && number.is_nan());
        }
    }
}
