//! Tables as commands print them: columns without lines.

use comfy_table::{ContentArrangement, Table, presets};

/// The rows under their heading, one line each, without a line end at the end.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_entry() {
        let text = table(["id", "reason"], [["1".into(), "tag".into()], ["1234".into(), "too-deep".into()]]);
        assert_eq!(text, "id     reason\n1      tag\n1234   too-deep");
    }
}
