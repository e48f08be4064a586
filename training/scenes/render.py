"""Renders a scene to an image with ground truth: ray casting on Embree, soft shadows, ambient occlusion.

R rays. World: metres, y up. Camera frame: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.scenes import targets
from training.scenes.furniture import unit
from training.scenes.scene import Camera, Scene
from training.scenes.targets import dot
from training.scenes.textures import LEVEL_OFFSETS, LEVEL_SIDES

SURFACE_OFFSET_METRES = 2e-3  # from a surface to the start of its shadow rays: float32 at 10 m resolves 1e-6
OCCLUSION_METRES = 1.5  # reach of an ambient ray: what is further away darkens no corner
MISS = -1  # Embree's number of the triangle where a ray hits nothing


@dataclass(frozen=True)
class Quality:
    """How many rays a pixel gets; more rays give less noise."""

    shadow_rays: int = 1
    """Per light and pixel."""
    occlusion_rays: int = 2
    """Ambient rays per pixel."""
    edge_samples: int = 4
    """Rays per pixel that covers more than one surface; 0 leaves edges jagged."""
    edge_occlusion_rays: int = 1
    """Ambient rays for each of these."""
    smoothings: int = 2
    """How often light is smoothed along its surface, each time over twice the distance."""


@dataclass(frozen=True)
class RenderedFrame:
    """An image with ground truth, all as uint8 codes round(255 v), (H, W, C); targets.py defines them."""

    rgb: np.ndarray
    normal: np.ndarray
    depth: np.ndarray
    reshading: np.ndarray
    curvature: np.ndarray
    edge3d: np.ndarray
    keypoint3d: np.ndarray
    valid: np.ndarray
    """255 where the geometry is known, else 0; there all images except rgb hold their domain's invalid code."""


@dataclass(frozen=True)
class Hits:
    """What R rays hit."""

    triangle: np.ndarray
    """(R,) int32; MISS where a ray hits nothing."""
    distance: np.ndarray
    """(R,) float32, metres along the ray."""
    barycentric: np.ndarray
    """(R, 3) float32, weights of the triangle's corners."""
    normal: np.ndarray
    """(R, 3) float32, unit vectors in the world, toward the ray's origin."""


def render(
    scene: Scene, camera: Camera, size_px: int, rng: np.random.Generator, quality: Quality = Quality()
) -> RenderedFrame:
    """Render image and ground truth of a view. The truth of a pixel is that of the ray through its centre.

    Raises ValueError where a ray leaves the scene.
    """
    centres = pixel_centres(size_px)
    directions = camera_rays(camera, centres, size_px)  # (R, 3) camera frame
    hits = trace(scene, camera, directions)
    if (hits.triangle == MISS).any():
        raise ValueError(f"{(hits.triangle == MISS).sum()} rays left the scene at {camera.position}; close its walls")
    valid = ~scene.are_outdoors[scene.material_of[hits.triangle]]
    normals = np.where(valid[:, None], targets.facing(hits.normal @ camera.rotation, directions), -directions)
    depth = np.where(valid, hits.distance * directions[:, 2], targets.OUTDOORS_METRES).astype(np.float32)

    albedo, irradiance, extra = shade(scene, camera, directions, hits, size_px, rng, quality)
    for number in range(quality.smoothings):
        irradiance = smooth(irradiance, normals, depth, size_px, spacing=2**number)
    radiance = albedo * irradiance + extra
    if quality.edge_samples:
        edge = np.flatnonzero(sees_edges(hits, normals, depth, scene, size_px))
        radiance[edge] = supersample(scene, camera, centres[edge], size_px, rng, quality)
    rgb = develop(radiance, camera, rng, valid).reshape(size_px, size_px, 3)
    return RenderedFrame(
        rgb, **targets.truth(*(image.reshape(size_px, size_px, -1) for image in (directions, depth, normals, valid)))
    )


def depth_probe(scene: Scene, camera: Camera, size_px: int = 24) -> np.ndarray:
    """z-depth in metres on a coarse grid, (size_px², ), inf outdoors: shows cheaply whether a view is worth rendering."""
    directions = camera_rays(camera, pixel_centres(size_px), size_px)
    hits = trace(scene, camera, directions)
    is_nothing = (hits.triangle == MISS) | scene.are_outdoors[scene.material_of[hits.triangle]]
    return np.where(is_nothing, np.inf, hits.distance * directions[:, 2])


def pixel_centres(size_px: int) -> np.ndarray:
    """x, y of each pixel's centre in pixels, row by row: (R, 2) float."""
    y, x = np.mgrid[0:size_px, 0:size_px]
    return np.stack([x.ravel(), y.ravel()], axis=1) + 0.5


def camera_rays(camera: Camera, points: np.ndarray, size_px: int) -> np.ndarray:
    """Unit directions in the camera frame through image points (R, 2) in pixels: (R, 3) float32."""
    half = np.tan(camera.field_of_view / 2)
    plane = (points / size_px * 2 - 1) * half
    return unit(np.concatenate([plane, np.ones((len(points), 1))], axis=1)).astype(np.float32)


def trace(scene: Scene, camera: Camera, directions: np.ndarray) -> Hits:
    """Nearest hits of camera-frame rays. Normals are interpolated, or flat where interpolation would turn one away."""
    world = (directions @ camera.rotation.T).astype(np.float32)
    origins = np.broadcast_to(camera.position.astype(np.float32), world.shape)
    result = scene.embree.run(np.ascontiguousarray(origins), world, output=True)
    triangle = result["primID"]
    u, v = result["u"], result["v"]
    barycentric = np.stack([1 - u - v, u, v], axis=1)
    known = np.maximum(triangle, 0)
    flat = targets.facing(unit(result["Ng"]), world)
    normal = unit(np.einsum("rk,rkc->rc", barycentric, scene.normals[known]))
    normal = np.where((dot(normal, flat) < 0)[:, None], -normal, normal)
    is_turned_away = dot(normal, world) > -0.02
    normal = np.where(is_turned_away[:, None], flat, normal).astype(np.float32)
    return Hits(triangle, result["tfar"], barycentric, normal)


def shade(
    scene: Scene,
    camera: Camera,
    directions: np.ndarray,
    hits: Hits,
    size_px: int,
    rng: np.random.Generator,
    quality: Quality,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Linear RGB per ray: albedo (R, 3), irradiance (R, 3), and what is added to their product, glow and highlights (R, 3)."""
    world = (directions @ camera.rotation.T).astype(np.float32)
    points = camera.position.astype(np.float32) + hits.distance[:, None] * world + SURFACE_OFFSET_METRES * hits.normal
    material = scene.material_of[hits.triangle]
    albedo = texture_colours(scene, hits, material, camera, world, size_px) * scene.tints[material]
    extra = albedo * scene.glows[material][:, None]
    gloss = scene.glosses[material]

    openness = np.zeros(len(points), np.float32)
    for _ in range(quality.occlusion_rays):
        ray = unit(hits.normal + unit(rng.standard_normal(points.shape, np.float32)))  # cosine-distributed
        openness += is_free(scene, points, ray, OCCLUSION_METRES) / quality.occlusion_rays
    upward = 0.85 + 0.15 * hits.normal[:, 1]
    irradiance = scene.ambient.astype(np.float32) * ((0.3 + 0.7 * openness) * upward)[:, None]

    for light in scene.lights:
        for _ in range(quality.shadow_rays):
            inside = 2 * rng.random(points.shape, np.float32) - 1
            toward = light.position.astype(np.float32) + light.extent.astype(np.float32) * inside - points
            distance = np.sqrt(dot(toward, toward))
            toward /= np.maximum(distance, 1e-6)[:, None]
            cosine = dot(toward, hits.normal)
            strength = np.maximum(cosine, 0) / np.maximum(distance, 0.25) ** 2 / quality.shadow_rays
            if light.facing is not None:
                strength *= np.maximum(0, -(toward @ light.facing.astype(np.float32)))
            lit = np.flatnonzero(strength > 1e-4)
            strength[lit] *= is_free(scene, points[lit], toward[lit], distance[lit] - 2 * SURFACE_OFFSET_METRES)
            irradiance += strength[:, None] * light.intensity.astype(np.float32)
            shiny = lit[(gloss[lit] > 0) & (strength[lit] > 0)]
            half = unit(toward[shiny] - world[shiny])
            highlight = gloss[shiny] * np.maximum(dot(half, hits.normal[shiny]), 0) ** 60 * strength[shiny]
            extra[shiny] += highlight[:, None] * light.intensity.astype(np.float32)
    if camera.flash:
        cosine = np.maximum(-dot(world, hits.normal), 0)
        irradiance += (camera.flash * cosine / np.maximum(hits.distance, 0.5) ** 2)[:, None]
    irradiance[scene.are_outdoors[material]] = 0  # outdoors only glows
    return albedo, irradiance, extra


def texture_colours(
    scene: Scene, hits: Hits, material: np.ndarray, camera: Camera, world: np.ndarray, size_px: int
) -> np.ndarray:
    """Linear RGB (R, 3) from the texture size whose texels are about as large as the footprint of a pixel."""
    uv = np.einsum("rk,rkc->rc", hits.barycentric, scene.uvs[hits.triangle])
    is_far = scene.are_outdoors[material]
    uv[is_far] = panorama_uv(world[is_far])
    pixel_angle = camera.field_of_view / size_px
    cosine = np.maximum(-dot(world, hits.normal), 0.1)
    footprint_texels = scene.texel_density[hits.triangle] * hits.distance * pixel_angle / np.sqrt(cosine)
    footprint_texels[is_far] = 1
    level = np.clip(np.rint(np.log2(np.maximum(footprint_texels, 1e-6))), 0, len(LEVEL_SIDES) - 1).astype(np.int64)
    side = np.array(LEVEL_SIDES)[level]
    column = ((uv[:, 0] % 1) * side).astype(np.int64) % side
    row = ((1 - uv[:, 1] % 1) * side).astype(np.int64) % side  # v grows upward in OBJ files
    texel = scene.pyramids[scene.texture_of[material], LEVEL_OFFSETS[level] + row * side + column]
    return (texel.astype(np.float32) / 255) ** 2.2


def panorama_uv(directions: np.ndarray) -> np.ndarray:
    """Texture coordinates (R, 2) of outdoors, which spans 90 degrees across, repeated, and -45 to 45 degrees vertically."""
    x, y, z = directions.T
    height = np.clip(0.5 + np.arcsin(np.clip(y, -1, 1)) / (np.pi / 2), 0.002, 0.998)
    return np.stack([np.arctan2(x, z) / (np.pi / 2), height], axis=1)


def is_free(scene: Scene, origins: np.ndarray, directions: np.ndarray, distances: np.ndarray | float) -> np.ndarray:
    """1.0 where a ray hits nothing within the distance (metres), else 0.0; (R,) float32."""
    if not len(origins):
        return np.zeros(0, np.float32)
    reach = np.broadcast_to(np.float32(distances), len(origins)).astype(np.float32)
    origins, directions = np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32)
    return (scene.embree.run(origins, directions, reach, query="OCCLUDED") == MISS).astype(np.float32)


def smooth(
    irradiance: np.ndarray, normals: np.ndarray, depth: np.ndarray, size_px: int, spacing: int = 1
) -> np.ndarray:
    """Mean over 3x3 pixels on the same surface, `spacing` apart, which removes the noise of few shadow rays but keeps edges."""
    shape = (size_px, size_px, -1)
    light, normal, z = irradiance.reshape(shape), normals.reshape(shape), depth.reshape(size_px, size_px)
    pad = ((spacing, spacing), (spacing, spacing), (0, 0))
    light_p, normal_p, z_p = np.pad(light, pad, "edge"), np.pad(normal, pad, "edge"), np.pad(z, spacing, "edge")
    total, weight = np.zeros_like(light), np.zeros((size_px, size_px, 1), np.float32)
    for dy in range(0, 3 * spacing, spacing):
        for dx in range(0, 3 * spacing, spacing):
            window = np.s_[dy : dy + size_px, dx : dx + size_px]
            is_same = (dot(normal_p[window], normal) > 0.9) & (np.abs(z_p[window] - z) < 0.03 * spacing * z)
            total += light_p[window] * is_same[..., None]
            weight += is_same[..., None]
    return (total / weight).reshape(-1, 3)


def sees_edges(hits: Hits, normals: np.ndarray, depth: np.ndarray, scene: Scene, size_px: int) -> np.ndarray:
    """Whether one of the four neighbours of a pixel is on another surface: (R,) bool."""
    square = (size_px, size_px)
    material = scene.material_of[hits.triangle].reshape(square)
    z, normal = depth.reshape(square), normals.reshape(*square, 3)
    is_edge = np.zeros(square, bool)
    for near, far in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        differs = material[near] != material[far]
        differs |= np.abs(z[near] - z[far]) > 0.08 * np.minimum(z[near], z[far])
        differs |= dot(normal[near], normal[far]) < 0.9
        is_edge[near] |= differs
        is_edge[far] |= differs
    return is_edge.ravel()


def supersample(
    scene: Scene, camera: Camera, centres: np.ndarray, size_px: int, rng: np.random.Generator, quality: Quality
) -> np.ndarray:
    """Mean radiance over jittered rays through pixel centres, (E, 2) -> (E, 3). Each ray is shaded as cheaply as possible."""
    n = quality.edge_samples
    points = np.repeat(centres, n, axis=0) + rng.uniform(-0.5, 0.5, size=(len(centres) * n, 2))
    directions = camera_rays(camera, points, size_px)
    hits = trace(scene, camera, directions)
    albedo, irradiance, extra = shade(
        scene, camera, directions, hits, size_px, rng, Quality(occlusion_rays=quality.edge_occlusion_rays)
    )
    return (albedo * irradiance + extra).reshape(len(centres), n, 3).mean(axis=1)


def develop(radiance: np.ndarray, camera: Camera, rng: np.random.Generator, valid: np.ndarray) -> np.ndarray:
    """Radiance (R, 3) -> sRGB uint8, with a soft shoulder above 0.8 of full scale; exposed for the room, not its windows."""
    exposure = camera.exposure
    if exposure is None:
        brightness = np.percentile(radiance[valid].mean(axis=1), 90) if valid.any() else 1.0
        exposure = rng.uniform(0.4, 1.1) / max(brightness, 1e-4)
    value = radiance * exposure * np.array(camera.white_balance, np.float32)
    value = np.where(value > 0.8, 0.8 + 0.2 * (1 - np.exp(-(value - 0.8) / 0.2)), value)
    return targets.to_uint8(np.maximum(value, 0) ** (1 / 2.2))
