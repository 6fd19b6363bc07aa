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

    @Flag(help: "Tells, operation by operation, where the time of the first row's steps goes, but for its first step.")
    var breakdown = false

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
        /// The median time between the ends of two steps of a row, so without the first of each, in which weights are read.
        var step: Double?
        /// The median of an image's decoding.
        var picture: Double?
        /// From opening the model to the end of the first step.
        var firstStep = 0.0
        /// The most memory that the process has had.
        var peakBytes = 0
        var device: String
        var precision: String
        var operations: [StepBreakdown.Line]?
    }

    func run() throws {
        let planned = try PlannedSweep(file: sweep)
        let device = TimedDevice(try CPUDevice(precision: precision.precision))
        var stepBreakdown = breakdown ? StepBreakdown(device: device) : nil
        let engine = DiffusionEngine(
            device: breakdown ? device : device.base, isSharing: !noSharing,
            findFile: { name, _ in try planned.file(name) }, findModel: { name, _ in try planned.model(name) })
        var (steps, pictures): ([Double], [Double]) = ([], [])
        var lastStep = ContinuousClock.now
        var result = Result(device: engine.device, precision: engine.precision)
        let opening = ContinuousClock.now
        for shard in planned.grants {
            guard let first = shard.first else { continue }
            try engine.prepare(model: planned.modelName(of: first), for: first)
            let start = ContinuousClock.now
            try engine.render(shard) { progress in
                stepBreakdown?.note(step: progress.step, of: progress.steps)
                let now = ContinuousClock.now
                if progress.step > 1 { steps.append((now - lastStep) / .seconds(1)) }
                lastStep = now
                if result.firstStep == 0 { result.firstStep = (ContinuousClock.now - opening) / .seconds(1) }
                return true
            } emit: { image in
                result.images += 1
                result.encode += image.encode
                result.denoise += image.denoise
                result.decode += image.decode
                pictures.append(image.decode)
            }
            result.seconds += (ContinuousClock.now - start) / .seconds(1)
        }
        (result.step, result.picture) = (Self.median(steps), Self.median(pictures))
        result.peakBytes = Self.peakBytes
        result.operations = stepBreakdown?.lines
        if json {
            try Console.print(json: result, isPretty: false)
        } else {
            Console.print(
                "\(result.images) images in \(ProgressText.rounded(result.seconds)) s, "
                    + "\(ProgressText.rounded(Double(result.images) / result.seconds * 60)) a minute, \(result.device)")
            result.operations?.forEach { Console.print($0.text) }
        }
    }

    private static func median(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }

    /// Linux's own count, `VmHWM:\t    5732 kB`: no space before a number of eight digits.
    private static var peakBytes: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first.map { $0 << 10 } ?? 0
    }
}
