import ArgumentParser
import Coordinator
import Diffusion
import Foundation
import SharedModel

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says what this host can do, and what is missing.",
        discussion: "Renders a small image with the built-in model to see that all of it works.")

    @Flag(help: "Fetches what is missing and can be fetched: CLIP's merges, for models in single files.")
    var fix = false

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    struct Check: Encodable {
        var name: String
        var isFine: Bool
        var detail: String
        /// Whether the built-in model needs it.
        var isNeeded = true
        /// Whether `--fix` fetches it.
        var isFetched = false

        private enum CodingKeys: String, CodingKey {
            case name, isFine, detail, isNeeded
        }

        var label: String { isFine ? "ok     " : isNeeded ? "MISSING" : "absent " }
    }

    func run() throws {
        var checks = [
            Check(name: "tmdne", isFine: true, detail: Program.version),
            Check(name: "memory", isFine: true, detail: Self.memoryInWords),
        ]
        checks.append(
            check("device") {
                let fast =
                    CPUDevice.isFastInBfloat
                    ? "fp32, and faster with --precision bf16, by instructions of its own" : "fp32"
                return "\(try CPUDevice().label), oneDNN \(CPUDevice.libraryVersion), \(fast)"
            })
        checks.append(check("model") { "tmdne-tiny at \(try ModelLocator().locate("tmdne-tiny"))" })
        checks.append(check("rendering", Self.renderedInWords))
        checks.append(tokenizer)
        checks.append(program("ffmpeg", package: "ffmpeg", for: "slideshows"))
        checks.append(program("tesseract", package: "tesseract-ocr", for: "reading what is written on images"))
        if json {
            try Console.print(json: checks)
        } else {
            for check in checks {
                Console.print("\(check.label) \(check.name): \(check.detail)")
            }
        }
        // Who asks for a repair wants to know that it did not work.
        guard checks.allSatisfy({ $0.isFine || !($0.isNeeded || fix && $0.isFetched) }) else { throw ExitCode.failure }
    }

    /// CLIP's merges, which only models in single files need.
    private var tokenizer: Check {
        var check = check("tokenizer") {
            if fix { return "CLIP's merges, from the package open_clip_torch, at \(try CLIPMergesDownload.run())" }
            guard let place = CLIPMerges.installed() else { throw MissingTokenizer() }
            return "CLIP's merges at \(place)"
        }
        check.isNeeded = false
        check.isFetched = true
        return check
    }

    /// A program that only some commands need.
    private func program(_ name: String, package: String, for use: String) -> Check {
        var check = check(name) { "\(try InstalledProgram(name, package: package).url.path), for \(use)" }
        check.isNeeded = false
        return check
    }

    private struct MissingTokenizer: Error, CustomStringConvertible {
        var description: String {
            "models in single .safetensors files carry no tokenizer; `tmdne doctor --fix` fetches CLIP's from PyPI"
        }
    }

    private func check(_ name: String, _ body: () throws -> String) -> Check {
        do {
            return Check(name: name, isFine: true, detail: try body())
        } catch {
            return Check(name: name, isFine: false, detail: "\(error)")
        }
    }

    /// What the machine has, and what limits leave of it.
    private static var memoryInWords: String {
        let memory = HostMemory()
        var words = "\(ProcessInfo.processInfo.physicalMemory >> 20) MiB in this machine"
        if let limit = memory.limit { words += ", of which \(memory.bytes >> 20) MiB may be used, says \(limit)" }
        if let addresses = AddressSpace.budget, addresses < memory.bytes {
            words += "; the limit on addresses (ulimit -v) leaves \(addresses >> 20) MiB"
        }
        return words
    }

    private static func renderedInWords() throws -> String {
        let clock = ContinuousClock()
        let start = clock.now
        let folder = try ModelFolder(path: try ModelLocator().locate("tmdne-tiny"))
        let pipeline = try Pipeline(model: folder, device: try CPUDevice())
        let loaded = clock.now
        var images = 0
        try pipeline.render(
            RowRequest(
                prompt: "young woman teaching math at a blackboard", negativePrompt: "", guidances: [7.5], seed: 0,
                steps: 8, sampler: SamplerSettings(.dpmpp2m, layout: .karras), width: 128, height: 128)
        ) { _ in images += 1 }
        guard images == 1 else { return "no image came out of the built-in model" }
        let milliseconds = { (duration: Duration) in duration / .milliseconds(1) }
        return "loaded in \(Int(milliseconds(loaded - start))) ms, "
            + "one image of 128x128 with 8 steps in \(Int(milliseconds(clock.now - loaded))) ms"
    }
}
