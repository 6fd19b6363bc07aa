import SharedModel

/// What becomes of a shard, in the order in which it happens.
enum RenderReport: Sendable {
    /// The last of the shard's images is begun: it is time to have the next shard at hand.
    case onLastGroup(LeaseID)
    /// An image is in the spool.
    case spooled(SpoolEntry)
    /// A picture of an image that is not finished.
    case previewed(Preview)
    /// Something that a person should know about, and that changes nothing.
    case trouble(String)
    /// A cell can't be rendered; one sentence says why.
    case failed(LeaseID, CellKey, reason: String)
    /// An image was lost because the spool can't take it.
    case spoolBroken(LeaseID, reason: String)
    /// This host can't render the shard's model.
    case unusable(LeaseID, WorkerError)
    /// Nothing more comes of the lease.
    case ended(LeaseID)
}
