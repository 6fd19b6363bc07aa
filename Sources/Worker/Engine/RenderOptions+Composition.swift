package import Diffusion
import Foundation
package import SharedModel

extension RenderOptions {
    /// What decides the weights of the networks beside the model.
    package struct Composition: Hashable, Sendable {
        let loras: [LoRA]
        let vae: String?

        /// The model with the LoRAs merged and the autoencoder in the place of its own.
        ///
        /// - Parameters:
        ///   - model: What is composed.
        ///   - names: What the sweep calls the files, by fingerprint.
        ///   - findFile: Gives the path of a file by its name and fingerprint.
        /// - Throws: What `findFile` throws, or a ``DiffusionError`` when a file does not go with the model.
        package func applied(
            to model: any ModelFiles, names: [String: String],
            findFile: (_ name: String, _ fingerprint: String) throws -> String
        ) throws -> any ModelFiles {
            guard !loras.isEmpty || vae != nil else { return model }
            func path(_ fingerprint: String) throws -> String { try findFile(names[fingerprint] ?? "", fingerprint) }
            let files = try loras.map { lora in
                (path: try path(lora.file), weight: NSDecimalNumber(decimal: lora.weight).doubleValue)
            }
            return try ComposedModel(model, vae: try vae.map(path), loras: LoRASet(files))
        }
    }

    package var composition: Composition { Composition(loras: loras ?? [], vae: vae) }
}
