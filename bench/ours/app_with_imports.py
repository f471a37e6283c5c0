"""A program that imports what programs commonly do."""

import argparse
import asyncio
import csv
import dataclasses
import datetime
import decimal
import email.message
import hashlib
import http.client
import json
import logging
import re
import sqlite3
import ssl
import typing
import urllib.request
import uuid
import xml.etree.ElementTree
import zoneinfo

import redis
from bench.ours.app import app

IMPORTED = (
    argparse, asyncio, csv, dataclasses, datetime, decimal, email.message, hashlib, http.client, json, logging, re,
    redis, sqlite3, ssl, typing, urllib.request, uuid, xml.etree.ElementTree, zoneinfo,
)  # fmt: skip

__all__ = ["app"]
