"""Reverse face search: which public, licensed pages show somebody who looks like this?"""
