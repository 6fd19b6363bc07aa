package import SharedModel

/// What a worker tells the people who watch it.
package enum WorkerEvent: Equatable, Sendable {
    /// The spool holds images of an earlier run, which are offered first.
    case recovered(images: Int)
    case connecting(host: String, port: Int)
    /// The coordinator let the worker in, under `name`.
    case joined(sweep: String, name: String)
    /// The connection is lost or could not be made; rendering goes on meanwhile.
    case disconnected(reason: String, retryIn: Duration)
    /// A shard of `cells` cells is the worker's.
    case granted(LeaseID, shard: Int, cells: Int)
    /// A model that this host lacks is being fetched from the coordinator: so many bytes of it.
    case fetchingModel(name: String, bytes: Int)
    /// The engine is at this step of this cell.
    case progressed(EngineProgress)
    /// An image is finished and in the spool.
    case rendered(CellKey, Timings)
    /// The coordinator answered for an image.
    case delivered(CellKey, Ack.Outcome, reason: String)
    /// A cell could not be rendered.
    case failed(CellKey, reason: String)
    /// Nothing is to be rendered for now.
    case idle(reason: String)
    /// The coordinator took a lease away.
    case lost(LeaseID)
    /// Something that a person should know about.
    case trouble(String)
    /// The worker finishes what it has and ends.
    case ending(reason: String)
}
