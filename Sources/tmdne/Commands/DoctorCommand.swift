import ArgumentParser
import Diffusion
import Foundation
import SharedModel

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says what this host can do, and what is missing.",
        discussion: "Renders a small image with the built-in model to see that all of it works.")

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    struct Check: Encodable {
        var name: String
        var isFine: Bool
        var detail: String
    }

    func run() throws {
        var checks = [
            Check(name: "tmdne", isFine: true, detail: Program.version),
            Check(
                name: "memory", isFine: true,
                detail: "\(ProcessInfo.processInfo.physicalMemory >> 20) MiB in this machine"),
        ]
        checks.append(check("device") { "\(try CPUDevice().label), oneDNN \(CPUDevice.libraryVersion), fp32" })
        checks.append(check("model") { "tmdne-tiny at \(try ModelLocator().locate("tmdne-tiny"))" })
        checks.append(check("rendering", Self.renderedInWords))
        if json {
            try Console.print(json: checks)
        } else {
            for check in checks {
                Console.print("\(check.isFine ? "ok     " : "MISSING") \(check.name): \(check.detail)")
            }
        }
        guard checks.allSatisfy(\.isFine) else { throw ExitCode.failure }
    }

    private func check(_ name: String, _ body: () throws -> String) -> Check {
        do {
            return Check(name: name, isFine: true, detail: try body())
        } catch {
            return Check(name: name, isFine: false, detail: "\(error)")
        }
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
