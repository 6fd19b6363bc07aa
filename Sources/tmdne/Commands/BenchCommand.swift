import ArgumentParser
import Diffusion
import Foundation
import SharedModel
import Worker

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Times the bare engine on a sweep: no coordinator, wire, PNG or disk.",
        discussion: "Renders every cell in the order of the shards and throws the pixels away.",
        shouldDisplay: false)

    @Argument(help: "The sweep file.")
    var sweep: String

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    @Flag(help: "Renders each cell by itself.")
    var noSharing = false

    @Option(help: PrecisionChoice.help)
    var precision = PrecisionChoice.auto

    struct Result: Encodable {
        var images = 0
        /// From the first cell to the last, without opening the model.
        var seconds = 0.0
        /// The parts of ``seconds``, added up over the images.
        var encode = 0.0
        var denoise = 0.0
        var decode = 0.0
        /// Steps of all images: evaluations of the UNet, but for samplers that evaluate it twice a step.
        var evaluations = 0
        /// From opening the model to the end of the first step.
        var firstStep = 0.0
        /// The most memory that the process has had.
        var peakBytes = 0
        var device: String
        var precision: String
    }

    func run() throws {
        let planned = try PlannedSweep(file: sweep)
        let engine = DiffusionEngine(
            device: try CPUDevice(precision: precision.precision), isSharing: !noSharing,
            findFile: { name, _ in try planned.file(name) }, findModel: { name, _ in try planned.model(name) })
        var result = Result(device: engine.device, precision: engine.precision)
        let opening = ContinuousClock.now
        for shard in planned.grants {
            guard let first = shard.first else { continue }
            try engine.prepare(model: planned.modelName(of: first), for: first)
            let start = ContinuousClock.now
            try engine.render(shard) { _ in
                if result.firstStep == 0 { result.firstStep = (ContinuousClock.now - opening) / .seconds(1) }
                return true
            } emit: { image in
                result.images += 1
                result.encode += image.encode
                result.denoise += image.denoise
                result.decode += image.decode
            }
            result.evaluations += shard.reduce(0) { $0 + $1.cell.steps }
            result.seconds += (ContinuousClock.now - start) / .seconds(1)
        }
        result.peakBytes = Self.peakBytes
        if json {
            try Console.print(json: result, isPretty: false)
        } else {
            Console.print(
                "\(result.images) images in \(ProgressText.rounded(result.seconds)) s, "
                    + "\(ProgressText.rounded(Double(result.images) / result.seconds * 60)) a minute, \(result.device)")
        }
    }

    /// Linux's own count, `VmHWM:     5732 kB`.
    private static var peakBytes: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first.map { $0 << 10 } ?? 0
    }
}
