//! YAML or JSON into a JSON value that knows the line of each of its parts.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Number, Value};

use super::problem::Problem;

/// Longest file that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Deepest nesting of mappings and lists. The model needs 5; the rest is room for a clearer message than this limit's.
pub const MAX_DEPTH: usize = 32;

/// The largest integer that a double holds exactly, and so the largest that JSON tools agree on.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// A file that could be read, though not yet one that says something sensible.
pub(super) struct Document {
    pub(super) value: Value,
    /// Fields named a second time, with the line of that. Reading goes on with the first of them, so that the rest of the
    /// file is checked too.
    pub(super) repeated: Vec<(String, usize)>,
    lines: HashMap<String, usize>,
}

impl Document {
    /// The line of the value at `pointer`, or of the nearest thing around it.
    pub(super) fn line(&self, pointer: &str) -> usize {
        let mut pointer = pointer;
        loop {
            if let Some(line) = self.lines.get(pointer) {
                return *line;
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return 1,
            }
        }
    }
}

/// Appends a segment to a JSON pointer (RFC 6901).
pub(super) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Reads one document. Aliases are refused, so that a small file cannot unfold into a large one.
pub(super) fn parse(text: &str) -> Result<Document, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::of_file(1, format!("must be at most {MAX_BYTES} bytes long")));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = json_as_yaml(text);
    let mut parser = Parser::new_from_str(&text);
    let mut builder = Builder::default();
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| not_yaml(&text, &error))?;
        builder.take(event, span)?;
    }
    match builder.root {
        None | Some(Value::Null) => Err(Problem::of_file(1, "is empty")),
        Some(value) => Ok(Document { value, repeated: builder.repeated, lines: builder.lines }),
    }
}

fn not_yaml(text: &str, error: &ScanError) -> Problem {
    // What is never closed is noticed after the end.
    let line = error.marker().line().clamp(1, last_line(text));
    // A tab is noticed on the line where the text before it began, and hardly anybody sees one.
    let is_tabbed = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    let tabbed = text.lines().skip(line - 1).position(is_tabbed);
    match tabbed.filter(|_| error.info().contains("tab")) {
        Some(after) => Problem::of_file(line + after, "must be indented with spaces, not with tabs"),
        None => Problem::of_file(line, format!("is not valid YAML: {}", error.info())),
    }
}

/// Lines end as YAML has it: with LF, CR or both.
fn last_line(text: &str) -> usize {
    let ends = text.matches(['\r', '\n']).count() - text.matches("\r\n").count();
    (ends + usize::from(!text.ends_with(['\r', '\n']))).max(1)
}

/// JSON is a subset of YAML but for two things: tabs between tokens, and characters beyond the basic plane, which JSON
/// escapes as two UTF-16 surrogates. Lines stay where they are.
fn json_as_yaml(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with(['{', '[']) || !(text.contains('\t') || text.contains("\\u")) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '\t']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix('\t') {
            out.push(' ');
            rest = after;
        } else if let Some((character, after)) = surrogate_pair(from) {
            out.push(character);
            rest = after;
        } else {
            // The escaped character goes along, so that the second of `\\` begins no escape.
            let end = from.char_indices().nth(2).map_or(from.len(), |(index, _)| index);
            out.push_str(&from[..end]);
            rest = &from[end..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn surrogate_pair(text: &str) -> Option<(char, &str)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let character = char::decode_utf16([unit(0)?, unit(6)?]).next()?.ok()?;
    (character.len_utf16() == 2).then(|| (character, &text[12..]))
}

enum Items {
    /// The key is waiting for its value.
    Map(Map<String, Value>, Option<(String, usize)>),
    List(Vec<Value>),
}

struct Open {
    pointer: String,
    items: Items,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Value>,
    lines: HashMap<String, usize>,
    repeated: Vec<(String, usize)>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let line = span.start.line();
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Problem::of_file(line, "must hold one document: a second one begins here"))
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(_) => Err(Problem::of_file(line, "must not use aliases (*name): write the value out")),
            Event::Scalar(text, style, _, tag) => self.scalar(text, style, tag, line),
            Event::SequenceStart(_, tag) => self.begin(Items::List(Vec::new()), tag, line),
            Event::MappingStart(_, tag) => self.begin(Items::Map(Map::new(), None), tag, line),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(closed) = self.open.pop() {
                    self.put(match closed.items {
                        Items::Map(map, _) => Value::Object(map),
                        Items::List(items) => Value::Array(items),
                    });
                }
                Ok(())
            }
        }
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, tag: Option<Cow<'_, Tag>>, line: usize) -> Result<(), Problem> {
        refuse_own_tag(tag.as_deref(), line)?;
        if let Some(Open { pointer, items: Items::Map(map, key @ None) }) = self.open.last_mut() {
            if map.contains_key(&*text) {
                self.repeated.push((join(pointer, &text), line));
            }
            *key = Some((text.into_owned(), line));
            return Ok(());
        }
        let Some(scalar) = Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref()) else {
            return Err(Problem::of_file(line, "has a value that does not fit its tag (!!)"));
        };
        self.place(line)?;
        self.put(json(scalar));
        Ok(())
    }

    fn begin(&mut self, items: Items, tag: Option<Cow<'_, Tag>>, line: usize) -> Result<(), Problem> {
        refuse_own_tag(tag.as_deref(), line)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(Problem::of_file(line, format!("must not nest deeper than {MAX_DEPTH}")));
        }
        let pointer = self.place(line)?;
        self.open.push(Open { pointer, items });
        Ok(())
    }

    /// The pointer of the value that begins on `line`, and note of its line: a mapping's value is on its name's line.
    fn place(&mut self, line: usize) -> Result<String, Problem> {
        let (pointer, line) = match self.open.last() {
            None => (String::new(), line),
            Some(Open { pointer, items: Items::List(items) }) => (join(pointer, &items.len().to_string()), line),
            Some(Open { pointer, items: Items::Map(_, Some((key, line))) }) => (join(pointer, key), *line),
            Some(Open { items: Items::Map(_, None), .. }) => {
                return Err(Problem::of_file(line, "must use plain text for the names of fields"));
            }
        };
        self.lines.entry(pointer.clone()).or_insert(line);
        Ok(pointer)
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(value),
            Some(Items::List(items)) => items.push(value),
            Some(Items::Map(map, key)) => {
                if let Some((key, _)) = key.take() {
                    map.entry(key).or_insert(value);
                }
            }
        }
    }
}

fn refuse_own_tag(tag: Option<&Tag>, line: usize) -> Result<(), Problem> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            Err(Problem::of_file(line, "must not use tags (!name): write a plain value, or put it in quotes"))
        }
        _ => Ok(()),
    }
}

fn json(scalar: Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(value),
        Scalar::Integer(value) => value.into(),
        Scalar::FloatingPoint(value) => {
            let value = value.into_inner();
            if value.fract() == 0.0 && value.abs() <= MAX_EXACT {
                // 30.0 is the integer 30, as JSON Schema sees it.
                #[allow(clippy::cast_possible_truncation, reason = "integral and within 53 bits")]
                let whole = value as i64;
                return whole.into();
            }
            Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
        }
        Scalar::String(text) => text.into_owned().into(),
    }
}
