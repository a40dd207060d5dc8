/// The child's side: `cadenza media-worker …`.
public enum MediaWorker {
    /// The child's main; `arguments` are those after `media-worker`. Returns the exit status.
    public static func run(arguments: [String]) -> Int32 { 2 }
}
