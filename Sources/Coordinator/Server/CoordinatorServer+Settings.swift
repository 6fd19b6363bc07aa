extension CoordinatorServer {
    /// What may differ between uses of a coordinator; the defaults are those of a real sweep.
    package struct Settings: Sendable {
        /// This version of tmdne, as workers and people see it.
        package var program: String
        /// Whether the coordinator ends when every cell is done or failed.
        package var exitsWhenDone: Bool
        /// Hosts to name in the join token; empty: the addresses of this host, or the one that is listened on.
        package var advertisedHosts: [String] = []
        /// Whether workers connect through TLS; without it, none but this host may be listened on.
        package var isEncrypted = true
        /// Finds the model of this host that has a name and a fingerprint, for workers that lack it; `nil` gives none
        /// away. Called off the cooperative pool, it may block.
        package var findModel: (@Sendable (_ name: String, _ fingerprint: String) throws -> String)?
        /// Tells what the cells of a use need, from this host's copy of the model; `nil`: nobody is held to it. Called off the
        /// cooperative pool, it may block.
        package var assess: (@Sendable (ModelUse) throws -> ModelNeed)?
        /// Free space on the disk below which nothing is granted, in bytes.
        package var lowWaterBytes = 64 * 1024 * 1024

        /// Whether a worker in company gets no more than its share, by its pace, of what is pending.
        var adaptsShares = true
        /// Whether an idle worker near the end gets a copy of what another is slow with.
        var copiesSlowLeases = true
        /// How often a worker must beat, in seconds.
        var heartbeatSeconds = 5.0
        /// When a worker without a shard asks again, in seconds.
        var retrySeconds = 2.0
        /// How long a wrong secret keeps its sender waiting.
        var refusalDelay = Duration.seconds(1)
        /// Most connections that have not shown the secret.
        package var strangers = 1024
        /// How long a stranger's place is safe from newcomers of the same network when all are taken.
        var strangerPatience = Duration.seconds(2)
        /// Most workers at a time: what each of them may have sent that is not dealt with yet, up to 320 KiB, is held in memory.
        package var mostWorkers = 4096
        /// How long drained workers have for their goodbye.
        var farewell = Duration.seconds(10)
        /// How long uploads may go on after a shutdown began.
        var shutdownTimeout = Duration.seconds(20)
        var tickInterval = Duration.seconds(1)
        var timeouts = LeaseBook.Timeouts()
        var deadlines = FrameHandler.Deadlines()
        /// What there is room for where a directory is.
        var diskRoom: @Sendable (SweepDirectory) -> DiskRoom = DiskRoom.init(of:)

        package init(program: String, exitsWhenDone: Bool) {
            self.program = program
            self.exitsWhenDone = exitsWhenDone
        }
    }
}
