import ArgumentParser
import Diffusion
import Foundation
import Logging
import SharedModel
import Worker

/// Options of every command that renders for a coordinator.
struct WorkerOptions: ParsableArguments {
    enum DeviceChoice: String, CaseIterable, ExpressibleByArgument {
        case auto
        case cpu
    }

    @Option(help: "The worker's name for people; this machine's unless given.")
    var name: String?

    @Option(help: "What renders: auto or cpu.")
    var device = DeviceChoice.auto

    @Option(help: PrecisionChoice.help)
    var precision = PrecisionChoice.auto

    @Option(
        help: """
            Memory that rendering may take, such as 12G; a cell that needs more is left to others. auto, unless given: all \
            of the machine's, or what control groups leave of it.
            """)
    var memory: MemorySize?

    @Option(
        help: .init("Renders nothing: a picture of squares after so many seconds.", visibility: .hidden))
    var nullEngine: Double?

    @Option(help: "Directory for finished images that are not acknowledged yet; ~/.cache/tmdne unless given.")
    var cache: String?
}

/// The worker of this process.
struct LocalWorker {
    var options: WorkerOptions
    var isSharing = true
    /// Whether to fetch models that this host lacks from the coordinator.
    var fetchesModels = false
    /// Whether the coordinator is told what this worker can render, so that it leaves the rest to others.
    var hasCompany = true
    /// The sweep file, whose folder may hold models.
    var sweepFile: String?

    /// A worker that joins the coordinator of `token`.
    func service(token: JoinToken, logger: Logger) throws -> WorkerService {
        var configuration = WorkerService.Configuration(token: token, name: options.name ?? Self.hostName)
        if let cache = options.cache { configuration.cache = cache }
        let folder = sweepFile.map { URL(filePath: $0).deletingLastPathComponent().path }
        let isSharing = isSharing
        let memory = options.memory ?? .auto
        let precision = options.precision.precision
        let link = fetchesModels ? ModelLink() : nil
        let cache = ModelCache(cache: configuration.cache, link: link)
        configuration.tellsAbility = hasCompany
        if let seconds = options.nullEngine {
            let memory = options.memory?.bytes
            return WorkerService(configuration, logger: logger) {
                NullEngine(delay: .seconds(seconds), memory: memory)
            }
        }
        // Without downloads there may be others that only the sweep's names lead to.
        if fetchesModels { configuration.models = cache.fingerprints }
        return WorkerService(configuration, link: link, logger: logger) {
            let locator = ModelLocator(sweepFolder: folder)
            let find = { (name: String, fingerprint: String) throws -> String in
                do {
                    return try locator.locate(name, fingerprint: fingerprint)
                } catch is SharedModelError {
                    // There is none, or another one of that name: the content decides, wherever it comes from.
                    return try cache.path(of: name, fingerprint: fingerprint)
                }
            }
            return DiffusionEngine(
                device: try CPUDevice(precision: precision), isSharing: isSharing, memoryBudget: memory.bytes,
                findFile: find, findModel: { try ModelOpener.open(find($0, $1)) })
        }
    }

    private static var hostName: String { ProcessInfo.processInfo.hostName }
}
