import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// The listening socket and the connections that came in through it.
final class Listener: Sendable {
    private static let backlog: Int32 = 256

    /// Connections to be served; ends when the listener is closed.
    let connections: AsyncStream<WorkerConnection>
    let doorkeeper: Doorkeeper
    let port: Int
    /// What the join token may name: reachable names of this host.
    let advertisedHosts: [String]
    private let source: AsyncStream<WorkerConnection>.Continuation
    private let channel: any Channel
    private let open: OpenConnections

    /// - Throws: ``CoordinatorError`` when the address is taken or not this host's.
    init(
        host: String, port: Int, identity: ServerIdentity?, settings: CoordinatorServer.Settings
    ) async throws {
        let encryption: NIOSSLContext?
        do {
            encryption = try identity?.serverContext()
        } catch {
            throw CoordinatorError.encryption(problem: "\(error)")
        }
        let (connections, source) = AsyncStream<WorkerConnection>.makeStream()
        let doorkeeper = Doorkeeper(limit: settings.strangers, patience: settings.strangerPatience)
        let open = OpenConnections()
        let deadlines = settings.deadlines
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let id = open.nextID()
                    switch doorkeeper.enter(id, from: Doorkeeper.origin(of: channel.remoteAddress), now: .now) {
                    case .enters: break
                    case .replaces(let other): open.connection(other)?.cut()
                    case .isTurnedAway: throw CoordinatorError.connection("too many strangers are connected")
                    }
                    do {
                        if let encryption {
                            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: encryption))
                        }
                        let connection = try WorkerConnection(channel, id: id, deadlines: deadlines)
                        open.add(connection)
                        guard case .enqueued = source.yield(connection) else {
                            open.remove(connection)
                            throw CoordinatorError.connection("the coordinator is shutting down")
                        }
                    } catch {
                        doorkeeper.leave(id)
                        throw error
                    }
                }
            }
        do {
            channel = try await bootstrap.bind(host: host, port: port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw CoordinatorError.portInUse(address: "\(host):\(port)")
        } catch {
            throw CoordinatorError.cannotListen(address: "\(host):\(port)", problem: "\(error)")
        }
        guard let bound = channel.localAddress?.port else {
            throw CoordinatorError.cannotListen(address: "\(host):\(port)", problem: "no port was bound")
        }
        self.port = bound
        self.connections = connections
        self.source = source
        self.doorkeeper = doorkeeper
        self.open = open
        advertisedHosts = settings.advertisedHosts.isEmpty ? ReachableHosts.of(host) : settings.advertisedHosts
    }

    /// Takes no more connections and asks those that are there to end after their upload.
    func close() async {
        // Fails only when it is closed already.
        try? await channel.close().get()
        source.finish()
        for connection in open.all { connection.notify(.shutDown) }
    }

    /// Cuts every connection.
    func cutAll() {
        for connection in open.all { connection.cut() }
    }

    /// A connection has ended.
    func forget(_ connection: WorkerConnection) {
        open.remove(connection)
    }
}

/// The connections that have not ended, under ids that are never used again.
private final class OpenConnections: Sendable {
    private struct State {
        var nextID = 0
        var connections: [LeaseBook.ConnectionID: WorkerConnection] = [:]
    }

    private let state = Mutex(State())

    var all: [WorkerConnection] {
        state.withLock { Array($0.connections.values) }
    }

    func nextID() -> LeaseBook.ConnectionID {
        state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    func connection(_ id: LeaseBook.ConnectionID) -> WorkerConnection? {
        state.withLock { $0.connections[id] }
    }

    func add(_ connection: WorkerConnection) {
        state.withLock { $0.connections[connection.id] = connection }
    }

    func remove(_ connection: WorkerConnection) {
        state.withLock { $0.connections[connection.id] = nil }
    }
}
