extension ModuleNames {
    /// The UNet: `openaimodel.py` of <https://github.com/CompVis/latent-diffusion>, which numbers its blocks through, against
    /// diffusers' levels.
    ///
    /// - Parameter layersPerBlock: number of residual blocks on the way down, for each level from the highest resolution.
    /// - Returns: the names of all modules.
    static func unet(layersPerBlock: [Int]) -> ModuleNames {
        var pairs: [Pair] = [
            ("time_embedding.linear_1", "time_embed.0"), ("time_embedding.linear_2", "time_embed.2"),
            ("time_embedding.cond_proj", "time_embed.cond_proj"),
            ("add_embedding.linear_1", "label_emb.0.0"), ("add_embedding.linear_2", "label_emb.0.2"),
            ("conv_in", "input_blocks.0.0"), ("conv_norm_out", "out.0"), ("conv_out", "out.2"),
            ("mid_block.attentions.0", "middle_block.1"),
        ]
        pairs += residual("mid_block.resnets.0", "middle_block.0") + residual("mid_block.resnets.1", "middle_block.2")
        var input = 1
        var output = 0
        for (level, count) in layersPerBlock.enumerated() {
            let block = "down_blocks.\(level)"
            for layer in 0..<count {
                pairs += residual("\(block).resnets.\(layer)", "input_blocks.\(input).0")
                pairs.append(("\(block).attentions.\(layer)", "input_blocks.\(input).1"))
                input += 1
            }
            pairs.append(("\(block).downsamplers.0.conv", "input_blocks.\(input).0.op"))
            input += 1
        }
        for (index, count) in layersPerBlock.reversed().enumerated() {
            let block = "up_blocks.\(index)"
            for layer in 0...count {
                pairs += residual("\(block).resnets.\(layer)", "output_blocks.\(output).0")
                pairs.append(("\(block).attentions.\(layer)", "output_blocks.\(output).1"))
                output += 1
            }
            // Behind the attention, where the block has one.
            pairs += [1, 2].map { ("\(block).upsamplers.0.conv", "output_blocks.\(output - 1).\($0).conv") }
        }
        return ModuleNames(pairs)
    }

    private static func residual(_ diffusers: String, _ original: String) -> [Pair] {
        [
            ("norm1", "in_layers.0"), ("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1"),
            ("norm2", "out_layers.0"), ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection"),
        ].map { ("\(diffusers).\($0)", "\(original).\($1)") }
    }
}
