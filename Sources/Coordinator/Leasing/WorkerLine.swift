import SharedModel

/// What the coordinator needs of a connection: a worker's socket, or what stands for one in a simulation.
protocol WorkerLine: Sendable {
    var id: LeaseBook.ConnectionID { get }
    /// Where the worker is, for the log.
    var address: String { get }
    var vitals: Vitals { get }

    /// A message is being dealt with; meanwhile its sender does not count as silent.
    func beginWork(for message: WorkerMessage)
    /// The message has been dealt with; the next may be read.
    func endWork()
    /// Sends one message and returns when it is on its way.
    func send(_ message: CoordinatorMessage) async throws
    /// The worker has shown the secret: it may send long frames and take its time between them.
    func admit()
    /// Tells the connection's task something between the worker's messages.
    func notify(_ event: ConnectionEvent)
    /// Ends the connection at once.
    func cut()
}

/// What the dispatcher must know of a connection without asking its task.
struct Vitals: Sendable {
    var heardAt: ContinuousClock.Instant
    var uploadedAt: ContinuousClock.Instant?
    /// Whether its task is at work for it: then it is not silent, we are.
    var isBusy = false
}
