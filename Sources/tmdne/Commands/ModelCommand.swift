import ArgumentParser
import Diffusion
import Foundation
import SharedModel

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Looks at models.", subcommands: [Inspect.self])

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a model's parts, types, sizes and fingerprint, and whether its files belong together.")

        @Argument(help: "A built-in model, or the path of a diffusers folder or a .safetensors file.")
        var model: String

        @Option(
            help: "Width and height in pixels to tell the memory for, such as 512x512; the model's own unless given.")
        var size: String?

        @Flag(help: "Prints JSON for scripts.")
        var json = false

        func run() throws {
            let path = try ModelLocator().locate(model)
            let size = try size.map { text in
                do throws(SweepProblem) { return try ImageSize(text) } catch { throw ValidationError("\(error)") }
            }
            let report: ModelReport
            do {
                report = try ModelReport(
                    path: path, fingerprint: try ModelFingerprint.compute(of: path), size: size)
            } catch let error as DiffusionError {
                Self.listTensors(of: error)
                throw error
            }
            if json {
                try Console.print(json: report)
            } else {
                report.lines.forEach(Console.print)
            }
        }

        /// Names all tensors that do not fit; the error itself quotes a few.
        private static func listTensors(of error: DiffusionError) {
            guard case .mismatchedTensors(_, let missing, let misfits, let unused) = error else { return }
            for (problem, names) in [("missing", missing), ("misfit", misfits), ("not used", unused)] {
                for name in names { Console.note("\(problem): \(name)") }
            }
        }
    }
}
