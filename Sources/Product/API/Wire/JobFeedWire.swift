internal import Core
internal import Studio

/// The JSON messages of the feed of all an account's jobs.
enum JobFeedWire {
    /// What the server sends.
    static let schema = Schema.component(
        "JobFeedMessage",
        .oneOf([
            message("JobFeedHello", "hello", [cursor]),
            message(
                "JobFeedTimeline", "timeline",
                [
                    job, .required("cursor", text.nullable, "`null` where an `end` follows."),
                    .required("event", JobEventWire.schema),
                ]),
            message(
                "JobFeedProgress", "progress",
                [job, .required("progress", .number(0...1)), .required("step", .string)]),
            message("JobFeedEnd", "end", [job, cursor, .required("summary", JobSummary.schema)]),
            message("JobFeedHeartbeat", "heartbeat", [cursor]),
        ]))

    private static let text = FeedCursor.schema
    private static let job = Schema.Property.required("job", JobID.schema)
    private static let cursor = Schema.Property.required("cursor", text, "Where to go on after this message.")

    private static func message(_ name: String, _ type: String, _ members: [Schema.Property]) -> Schema {
        .object(name, [.required("type", .constant(.string(type)))] + members)
    }

    /// The first message, and the first after a `resume`.
    static func hello(_ cursor: FeedCursor) -> JSON { ["type": "hello", "cursor": .string(cursor.text)] }

    static func heartbeat(_ cursor: FeedCursor) -> JSON { ["type": "heartbeat", "cursor": .string(cursor.text)] }

    /// An event, and the job as it ended where the event ended it: only then may the client go on after both.
    static func messages(_ entry: FeedEntry) -> [JSON] {
        let cursor = JSON.string(FeedCursor(position: entry.position).text)
        let timeline: JSON = [
            "type": "timeline", "job": .string(entry.jobID.text), "cursor": entry.endedJob == nil ? cursor : .null,
            "event": JobEventWire.json(entry.event),
        ]
        guard let job = entry.endedJob else { return [timeline] }
        let end: JSON = [
            "type": "end", "job": .string(job.id.text), "cursor": cursor, "summary": JobSummary(job: job).json,
        ]
        return [timeline, end]
    }

    static func progress(_ progress: JobNews.Progress) -> JSON {
        [
            "type": "progress", "job": .string(progress.job.text), "progress": .number(progress.fraction),
            "step": .string(progress.step),
        ]
    }

    /// Where a `resume` of the client wants to go on; `nil` for any other message.
    static func resumption(_ message: String) -> FeedCursor? {
        guard let members = try? JSONParser.parse(Array(message.utf8)).members, members.count == 2 else { return nil }
        let json = JSON.object(members)
        guard json["type"]?.string == "resume", let after = json["after"]?.string else { return nil }
        return FeedCursor(parsing: after)
    }
}

/// A place in an account's feed.
struct FeedCursor: Hashable, ParameterValue {
    static let schema = Schema.string(pattern: "^(0|[1-9][0-9]{0,17})$", meaning: "the cursor of a message")

    var position: Int64

    var text: String { String(position) }

    init(position: Int64) { self.position = position }

    init?(parsing text: String) {
        guard let position = Int64(text), position >= 0, String(position) == text, text.utf8.count <= 18 else {
            return nil
        }
        self.position = position
    }
}
