"""mamebert"""
