"""When and where was seismicity anomalous? (Zhang & Yang)"""
