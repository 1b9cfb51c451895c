//! For tests: what the documents of the formats say, to be held against the code.

/// The bytes of the `number`th block of hex in a document: lines of an offset and up to sixteen bytes.
fn hex_block(document: &str, number: usize) -> Vec<u8> {
    let block = document.split("```hex\n").nth(number + 1).expect("a block of hex");
    let lines = block.split("```").next().unwrap_or_default().lines();
    let bytes = lines.flat_map(|line| line.split_whitespace().skip(1));
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("two digits")).collect()
}

/// Fails, and shows what should stand there, unless the `number`th block of hex is these bytes.
pub(crate) fn check_hex(document: &str, number: usize, bytes: &[u8]) {
    let lines = bytes.chunks(16).enumerate().map(|(i, line)| {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:08x}  {}\n", i * 16, bytes.join(" "))
    });
    let expected: String = lines.collect();
    assert!(hex_block(document, number) == bytes, "the example should be\n{expected}");
}

/// The blocks of JSON in a document.
pub(crate) fn json_blocks(document: &str) -> Vec<&str> {
    let blocks = document.split("```json\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default()).collect()
}

/// The names in the first column of the table below a heading.
pub(crate) fn first_column<'a>(document: &'a str, heading: &str) -> Vec<&'a str> {
    let section = document.split(&format!("{heading}\n")).nth(1).expect("the heading");
    let section = section.split("\n#").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    cells
        .flat_map(|cell| cell.split(", "))
        .filter_map(|name| name.strip_prefix('`'))
        .map(|name| name.trim_end_matches('`'))
        .collect()
}

/// Fails for every sentence that the document lacks.
pub(crate) fn check_sentences(document: &str, sentences: &[String]) {
    let missing: Vec<&String> = sentences.iter().filter(|s| !document.contains(*s)).collect();
    assert!(missing.is_empty(), "the document lacks {missing:#?}");
}
