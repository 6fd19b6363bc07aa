/// What came of the shards so far: tells a bad cell from a host that renders nothing. Used by the engine's thread alone.
final class EngineRecord {
    /// Shards in a row without a single image after which the host is to blame, whatever it rendered before.
    private static let tolerance = 3

    private var hasRendered = false
    private var barrenShards = 0

    func noteImage() {
        hasRendered = true
        barrenShards = 0
    }

    /// Takes note of a shard none of whose cells could be rendered.
    ///
    /// - Parameter cells: How many cells failed, each by itself.
    /// - Returns: Whether the host is to blame. A single cell is too little to tell from, so that one bad cell does not
    ///   end every worker that begins with it.
    func blamesHost(forBarrenShardOf cells: Int) -> Bool {
        barrenShards += 1
        return barrenShards >= Self.tolerance || (!hasRendered && cells > 1)
    }
}
