//! "Did you mean": the known word nearest to one that is unknown.

/// The nearest of `known` to `word`, if it is near enough to be a slip of the hand or a shortened form.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let letters = word.chars().count();
    if !(2..=64).contains(&letters) {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (cost(&word, &candidate.to_lowercase()), candidate))
        .filter(|(cost, _)| *cost <= (letters / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

fn cost(word: &str, known: &str) -> usize {
    let is_part = known.split(['_', '/', '-']).any(|part| part == word);
    if is_part { 1 } else { distance(word, known) }
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let substituted = above[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = substituted.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}

/// `; did you mean X?`, or nothing.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |found| format!("; did you mean {found}?"))
}
