//! `memprobe audit`: reference counts that nothing in the process accounts for.

use diff::human;
use heap::{Audit, ExcessSum, Graph, TypeId, flags};
use probe::{Column, Table};
use serde_json::json;

use super::source::Source;
use super::told::{Answer, bytes, counts, objects};
use crate::args::{AuditArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// Tells them.
///
/// # Errors
/// When there is no graph.
pub fn run(args: &AuditArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let source = Source::get(&args.graph, global)?;
    let graph = &source.graph;
    let audit = Audit::new(graph);
    let lost: u64 = audit.groups.iter().map(|(_, sum)| sum.objects).sum();
    let doubtful: u64 = audit.groups.iter().map(|(_, sum)| sum.doubtful).sum();
    let over: u64 = audit.over_counted.iter().map(|&(_, count)| count).sum();
    let [strong, loose, borrowed] = graph.edge_counts();
    let unknown = graph.objects().flags.iter().filter(|&&f| f & flags::CONSERVATIVE != 0).count();
    let before = vec![
        format!(
            "{} references between objects; {} more words that may be references, as in the {} \
             whose layout is not known; {} that own nothing (weak, caches)",
            human::count(strong as f64),
            human::count(loose as f64),
            objects(unknown as u64),
            human::count(borrowed as f64)
        ),
        format!(
            "{} audited, {} left out because they are never freed",
            objects(audit.audited),
            objects(audit.left_out)
        ),
        format!(
            "{} with more references counted than exist anywhere in the process; {doubtful} more \
             with some that only words of unknown meaning explain",
            objects(lost)
        ),
    ];
    let after = vec![
        format!("{} with more references found than counted", objects(over)),
        "One look shows a few by chance: what `memprobe leaks` shows as growing is a leak.".into(),
    ];
    let name = |id: TypeId| graph.types()[id.index()].name.clone();
    let answer = Answer {
        name: "audit",
        manifest: &source.manifest,
        issues: Vec::new(),
        before,
        tables: vec![table(graph, &audit.groups)],
        after,
        json: json!({
            "edges": {"strong": strong, "loose": loose, "borrowed": borrowed},
            "conservative_objects": unknown,
            "audited": audit.audited,
            "left_out": audit.left_out,
            "groups": audit.groups.iter().map(|&((id, size), sum)| json!({
                "type": name(id).as_ref(),
                "size": size,
                "objects": sum.objects,
                "bytes": sum.bytes,
                "references": sum.references,
                "doubtful": sum.doubtful,
            })).collect::<Vec<_>>(),
            "over_counted": audit.over_counted.iter().map(|&(id, count)| json!({
                "type": name(id).as_ref(),
                "objects": count,
            })).collect::<Vec<_>>(),
        }),
    };
    answer.tell(&args.graph.told)
}

fn table(graph: &Graph, groups: &[((TypeId, u64), ExcessSum)]) -> Table {
    let name = |id: TypeId| graph.types()[id.index()].name.to_string();
    Table::new(
        "excess",
        vec![
            Column::text_key("type", groups.iter().map(|&((id, _), _)| name(id))),
            Column::id_key("size", groups.iter().map(|&((_, size), _)| size)),
            counts("objects", groups.iter().map(|(_, sum)| sum.objects)),
            bytes("bytes", groups.iter().map(|(_, sum)| sum.bytes)),
            counts("references", groups.iter().map(|(_, sum)| sum.references)),
            counts("doubtful", groups.iter().map(|(_, sum)| sum.doubtful)),
        ],
    )
}
