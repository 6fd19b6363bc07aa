package import SharedModel

/// Something that people who watch a sweep want to see at once.
package enum ProgressEvent: Equatable, Sendable {
    case workerJoined(name: String, device: String)
    case workerLeft(name: String)
    case granted(worker: String, shard: Int, cells: Int)
    /// An image is durable; `seconds` is what its worker took to render it.
    case stored(cell: CellKey, position: Int, worker: String, seconds: Double)
    case failed(cell: CellKey, position: Int?, reason: String)
    /// A lease ended early; its undone cells are pending again.
    case leaseEnded(reason: String)
    /// A worker is granted nothing for a while, because it fails where others succeed.
    case quarantined(worker: String, reason: String)
    /// What the coordinator does changed; the message says why, when there is something to say.
    case state(SweepStatus.State, message: String?)
}
