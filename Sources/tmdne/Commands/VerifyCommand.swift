import ArgumentParser
import Diffusion
import Foundation
import PNG
import SharedModel
import Worker

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Renders images again from what they say of themselves, and compares the pixels.",
        discussion: """
            Every image that tmdne made carries all that it was made from. On the device that rendered it, the same \
            bytes must come out; processors with other vector units may differ by a level here and there.

            tmdne verify image.png demo/images/*/*.png
            """)

    @Argument(help: "Images that tmdne rendered.")
    var images: [String]

    @Option(help: "The greatest difference of a pixel, of 255 levels, that still counts as the same.")
    var tolerance = 0

    @Flag(help: "Prints JSON for scripts, one line an image.")
    var json = false

    func validate() throws {
        guard !images.isEmpty else { throw ValidationError("Name the images to verify.") }
        guard (0...255).contains(tolerance) else {
            throw ValidationError("--tolerance \(tolerance) is not possible; choose between 0 and 255.")
        }
    }

    func run() throws {
        let verifier = ImageVerifier(device: try CPUDevice())
        var failures = 0
        for path in images {
            let verdict = verifier.verify(path, tolerance: tolerance)
            if !verdict.isSame { failures += 1 }
            if json { try Console.print(json: verdict, isPretty: false) } else { Console.print(verdict.line) }
        }
        if failures > 0 { throw ExitCode.failure }
    }
}
